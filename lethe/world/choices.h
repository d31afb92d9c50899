// What the people of a world are made of: the six attributes and the tables that names and values are drawn from.
// Given names, cities and universities are real; surnames and companies are invented. The counts are those of
// bioS (Physics of Language Models 3.1, appendix A.1), down to the first words that many values share: 111 of 300
// universities begin with "University", 36 of 263 companies sit in New York. Values are ASCII, without digits and
// without '.', ':' and '?', so that one never looks like a sentence's end; none holds another of its table.
#pragma once
#include <array>
#include <optional>
#include <span>
#include <string_view>

namespace lethe::world {

enum class Attribute { kBirthDate, kBirthCity, kUniversity, kMajor, kCompany, kCompanyCity };

// All six, in the order of a biography's sentences.
inline constexpr std::array kAttributes = {Attribute::kBirthDate, Attribute::kBirthCity, Attribute::kUniversity,
                                           Attribute::kMajor,     Attribute::kCompany,   Attribute::kCompanyCity};

// "birth_date", "birth_city", "university", "major", "company", "company_city".
std::string_view attribute_name(Attribute attribute);
std::span<const std::string_view> attribute_names();             // all six
std::optional<Attribute> find_attribute(std::string_view name);  // nothing: no such name

struct Company {
  std::string_view name;
  std::string_view city;  // its headquarters, "City, ST"
};

// Every table is in a fixed order and lives as long as the program.
std::span<const std::string_view> first_names();   // 400
std::span<const std::string_view> middle_names();  // 400; some are first names too
std::span<const std::string_view> last_names();    // 1,000: 50 stems, each with 20 endings
std::span<const std::string_view> cities();        // 200 to be born in, "City, ST"
std::span<const std::string_view> universities();  // 300
std::span<const std::string_view> majors();        // 100
std::span<const Company> companies();              // 263 in 133 cities
std::span<const std::string_view> months();        // January to December

}  // namespace lethe::world
