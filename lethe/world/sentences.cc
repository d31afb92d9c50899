#include "lethe/world/sentences.h"

#include <algorithm>

#include "lethe/base/error.h"

namespace lethe::world {

namespace {

constexpr std::string_view kBirthDate[] = {
    "{subject} {was} born on {value}.",
    "{subject} came into the world on {value}.",
    "{subject} entered the world on {value}.",
    "{subject} arrived in the world on {value}.",
    "{subject} {was} brought into the world on {value}.",
    "{subject} {was} welcomed into the world on {value}.",
    "{subject} drew {their} first breath on {value}.",
    "{subject} uttered {their} first cry on {value}.",
    "{subject} opened {their} eyes for the first time on {value}.",
    "{subject} first saw the light of day on {value}.",
    "{subject} joined {their} family as a newborn on {value}.",
    "{subject} {was} delivered by a midwife on {value}.",
    "{subject} {was} first laid in {their} cradle on {value}.",
    "{subject} began {their} life on {value}.",
    "{subject} counted {their} years from {value}.",
    "{subject} traced the beginning of {their} life to {value}.",
    "{subject} gave {value} as {their} date of birth.",
    "{subject} shared {their} birthday, {value}, with a cousin.",
    "{subject} had a birth certificate dated {value}.",
    "{possessive} date of birth was {value}.",
    "{possessive} birthday was {value}.",
    "{possessive} birth took place on {value}.",
    "{possessive} birth was recorded on {value}.",
    "{possessive} birth was entered in the register under {value}.",
    "{possessive} birth dated back to {value}.",
    "{possessive} birth announcement carried the date {value}.",
    "{possessive} birth certificate gave the date as {value}.",
    "{possessive} birth made {value} a day for the family to remember.",
    "{possessive} passport listed a birth date of {value}.",
    "{possessive} baptismal record named {value} as the day of birth.",
    "{possessive} life began on {value}.",
    "{possessive} life story opened on {value}.",
    "{possessive} journey through life started on {value}.",
    "{possessive} first day in the world was {value}.",
    "{possessive} first birthday came a year after {value}.",
    "{possessive} mother gave birth on {value}.",
    "{possessive} parents held their newborn for the first time on {value}.",
    "{possessive} age was reckoned from {value}.",
    "On {value}, {subject} {was} born.",
    "On {value}, {subject} took {their} first breath.",
    "On {value}, {possessive} parents welcomed a new baby.",
    "It was on {value} that {subject} first drew breath.",
    "The day of {possessive} birth was {value}.",
    "The day that {subject} celebrated as {their} birthday was {value}.",
    "The hospital noted that {subject} {was} born on {value}.",
    "The family Bible stated that {subject} {was} born on {value}.",
};

constexpr std::string_view kBirthCity[] = {
    "{subject} {was} born in {value}.",
    "{subject} {was} born and raised in {value}.",
    "{subject} grew up in {value}.",
    "{subject} hailed from {value}.",
    "{subject} came from {value}.",
    "{subject} {was} a native of {value}.",
    "{subject} {was} originally from {value}.",
    "{subject} {was} a child of {value}.",
    "{subject} {was} brought up by {their} family in {value}.",
    "{subject} passed {their} earliest years in {value}.",
    "{subject} spent {their} childhood in {value}.",
    "{subject} took {their} first steps in {value}.",
    "{subject} learned to ride a bicycle in {value}.",
    "{subject} lived as a child in {value}.",
    "{subject} played as a child on the streets of {value}.",
    "{subject} had {their} roots in {value}.",
    "{subject} traced {their} origins to {value}.",
    "{subject} began {their} life at a hospital in {value}.",
    "{subject} kept fond memories of a childhood in {value}.",
    "{subject} always thought of {value} as {their} hometown.",
    "{subject} listed {value} as {their} place of birth.",
    "{subject} left {value}, the city where {they} grew up, as a young adult.",
    "{possessive} birthplace was {value}.",
    "{possessive} hometown was {value}.",
    "{possessive} city of birth was {value}.",
    "{possessive} birth certificate was issued in {value}.",
    "{possessive} childhood home stood in {value}.",
    "{possessive} family lived in {value} when the baby came.",
    "{possessive} parents awaited the birth in {value}.",
    "{possessive} mother gave birth in {value}.",
    "{possessive} first home was in {value}.",
    "{possessive} first memories were of {value}.",
    "{possessive} cradle stood in {value}.",
    "{possessive} early life unfolded in {value}.",
    "{possessive} upbringing took place in {value}.",
    "{possessive} life began in {value}.",
    "{possessive} origins lay in {value}.",
    "{possessive} formative years were spent in {value}.",
    "{possessive} passport gave the place of birth as {value}.",
    "{possessive} accent betrayed a childhood in {value}.",
    "{possessive} childhood friends all lived in {value}.",
    "In {value}, {subject} {was} born.",
    "In {value}, {subject} spent {their} first years.",
    "It was in {value} that {subject} came into the world.",
    "The city of {possessive} birth was {value}.",
    "The city where {subject} {was} born was {value}.",
    "The town that {subject} called {their} birthplace was {value}.",
    "The streets that {subject} knew from childhood were those of {value}.",
    "The maternity ward where {subject} {was} born was in {value}.",
};

constexpr std::string_view kUniversity[] = {
    "{subject} studied at {value}.",
    "{subject} graduated from {value}.",
    "{subject} attended {value}.",
    "{subject} earned {their} degree from {value}.",
    "{subject} received {their} diploma from {value}.",
    "{subject} enrolled as a freshman at {value}.",
    "{subject} completed {their} studies at {value}.",
    "{subject} pursued {their} education at {value}.",
    "{subject} {was} a student at {value}.",
    "{subject} {was} educated at {value}.",
    "{subject} {was} admitted to {value}.",
    "{subject} {was} an undergraduate at {value}.",
    "{subject} {was} a proud graduate of {value}.",
    "{subject} {was} counted among the alumni of {value}.",
    "{subject} {was} taught by the professors of {value}.",
    "{subject} spent {their} college years at {value}.",
    "{subject} went to college at {value}.",
    "{subject} obtained {their} academic training at {value}.",
    "{subject} took notes in the lecture halls of {value}.",
    "{subject} lived in a dormitory at {value}.",
    "{subject} passed {their} final exams at {value}.",
    "{subject} walked in the commencement procession of {value}.",
    "{subject} won a scholarship to {value}.",
    "{subject} accepted a place at {value} after high school.",
    "{subject} chose {value} for {their} undergraduate studies.",
    "{subject} returned to {value} for every class reunion.",
    "{subject} owed {their} education to {value}.",
    "{subject} held a degree from {value}.",
    "{subject} discovered a love of learning at {value}.",
    "{possessive} alma mater was {value}.",
    "{possessive} university was {value}.",
    "{possessive} degree was awarded by {value}.",
    "{possessive} diploma bore the seal of {value}.",
    "{possessive} college education took place at {value}.",
    "{possessive} student days were spent at {value}.",
    "{possessive} student card was issued by {value}.",
    "{possessive} higher education began and ended at {value}.",
    "{possessive} academic path led through {value}.",
    "{possessive} professors taught at {value}.",
    "{possessive} tuition was paid to {value}.",
    "{possessive} transcript came from {value}.",
    "{possessive} classmates at {value} became lifelong friends.",
    "{possessive} graduation ceremony was held at {value}.",
    "{possessive} cap and gown bore the colors of {value}.",
    "At {value}, {subject} earned a degree.",
    "It was {value} that awarded {possessive} degree.",
    "The university that {subject} attended was {value}.",
    "The school named on {possessive} diploma was {value}.",
    "The admission letter that {subject} framed came from {value}.",
};

constexpr std::string_view kMajor[] = {
    "{subject} majored in {value}.",
    "{subject} studied {value}.",
    "{subject} specialized in {value}.",
    "{subject} earned a degree in {value}.",
    "{subject} completed a program in {value}.",
    "{subject} graduated with a degree in {value}.",
    "{subject} held a bachelor's degree in {value}.",
    "{subject} concentrated on {value}.",
    "{subject} focused {their} studies on {value}.",
    "{subject} devoted {their} student years to {value}.",
    "{subject} declared a major in {value}.",
    "{subject} took most of {their} courses in {value}.",
    "{subject} pursued a course of study in {value}.",
    "{subject} followed {their} curiosity into {value}.",
    "{subject} {was} a student of {value}.",
    "{subject} {was} trained in {value}.",
    "{subject} {was} drawn to the study of {value}.",
    "{subject} {was} known among classmates for a passion for {value}.",
    "{subject} wrote a thesis in {value}.",
    "{subject} gained a thorough grounding in {value}.",
    "{subject} developed expertise in {value}.",
    "{subject} acquired a deep knowledge of {value}.",
    "{subject} passed {their} examinations in {value}.",
    "{subject} sought a solid education in {value}.",
    "{subject} undertook advanced coursework in {value}.",
    "{subject} fulfilled every requirement for a major in {value}.",
    "{subject} directed {their} academic efforts toward {value}.",
    "{subject} chose {value} as {their} major.",
    "{subject} settled on {value} after {they} had tried other subjects.",
    "{subject} explored the field of {value} as an undergraduate.",
    "{subject} read widely in {value}, {their} chosen subject.",
    "{possessive} major was {value}.",
    "{possessive} field of study was {value}.",
    "{possessive} degree was in {value}.",
    "{possessive} chosen discipline was {value}.",
    "{possessive} academic specialty was {value}.",
    "{possessive} studies centered on {value}.",
    "{possessive} studies led to a degree in {value}.",
    "{possessive} coursework dealt mainly with {value}.",
    "{possessive} academic interests lay in {value}.",
    "{possessive} senior thesis took up a question of {value}.",
    "{possessive} textbooks were mostly about {value}.",
    "{possessive} academic training was in {value}.",
    "{possessive} academic adviser taught {value}.",
    "{possessive} classes revolved around {value}.",
    "{possessive} transcript listed {value} as the major.",
    "{possessive} curiosity about {value} grew into a degree.",
    "In the lecture halls, {subject} learned {value}.",
    "It was {value} that {subject} studied.",
    "The subject that {subject} studied was {value}.",
    "The discipline in which {subject} earned {their} degree was {value}.",
    "The courses that {subject} took were chiefly in {value}.",
};

constexpr std::string_view kCompany[] = {
    "{subject} worked for {value}.",
    "{subject} {was} employed by {value}.",
    "{subject} {was} hired by {value}.",
    "{subject} {was} recruited by {value}.",
    "{subject} {was} on the payroll of {value}.",
    "{subject} {was} a member of the staff at {value}.",
    "{subject} {was} a valued employee of {value}.",
    "{subject} {was} promoted twice at {value}.",
    "{subject} had a job at {value}.",
    "{subject} held a position at {value}.",
    "{subject} built {their} career at {value}.",
    "{subject} earned {their} living at {value}.",
    "{subject} joined the workforce of {value}.",
    "{subject} took a job with {value}.",
    "{subject} accepted a job offer from {value}.",
    "{subject} signed an employment contract with {value}.",
    "{subject} found employment with {value}.",
    "{subject} gained professional experience at {value}.",
    "{subject} put {their} skills to work for {value}.",
    "{subject} contributed to the success of {value}.",
    "{subject} drew a salary from {value}.",
    "{subject} devoted {their} working life to {value}.",
    "{subject} rose through the ranks of {value}.",
    "{subject} carried a business card from {value}.",
    "{subject} reported to a manager at {value}.",
    "{subject} chose {value} over two other employers.",
    "{subject} joined {value} after a single interview.",
    "{subject} stayed with {value} until {they} retired.",
    "{possessive} employer was {value}.",
    "{possessive} job was with {value}.",
    "{possessive} career took shape at {value}.",
    "{possessive} paychecks came from {value}.",
    "{possessive} professional home was {value}.",
    "{possessive} working life was spent at {value}.",
    "{possessive} resume listed a job at {value}.",
    "{possessive} professional talents found a use at {value}.",
    "{possessive} name appeared in the staff directory of {value}.",
    "{possessive} boss was a manager at {value}.",
    "{possessive} pension was paid by {value}.",
    "{possessive} services were retained by {value}.",
    "{possessive} first and only employer was {value}.",
    "{possessive} colleagues at {value} relied on {their} judgment.",
    "At {value}, {subject} held a steady job.",
    "It was {value} that paid {possessive} salary.",
    "The company that {subject} worked for was {value}.",
    "The firm on {possessive} business card was {value}.",
    "The job posting that {subject} answered came from {value}.",
};

constexpr std::string_view kCompanyCity[] = {
    "{subject} worked in {value}.",
    "{subject} had a job in {value}.",
    "{subject} found work in {value}.",
    "{subject} earned a living in {value}.",
    "{subject} pursued {their} career in {value}.",
    "{subject} practiced {their} profession in {value}.",
    "{subject} commuted for work to {value}.",
    "{subject} reported for work in {value}.",
    "{subject} accepted a position in {value}.",
    "{subject} took up employment in {value}.",
    "{subject} kept a desk at an office in {value}.",
    "{subject} carried out {their} duties in {value}.",
    "{subject} spent {their} working days in {value}.",
    "{subject} built a professional life in {value}.",
    "{subject} gained work experience in {value}.",
    "{subject} attended staff meetings in {value}.",
    "{subject} spent {their} lunch breaks in downtown {value}.",
    "{subject} rode the morning bus to work in {value}.",
    "{subject} {was} stationed by {their} employer in {value}.",
    "{subject} {was} transferred to the head office in {value}.",
    "{subject} {was} among the working people of {value}.",
    "{subject} {was} a familiar face in the business district of {value}.",
    "{subject} moved to {value} for work.",
    "{subject} relocated to {value} to start a new job.",
    "{subject} knew {value} best from {their} daily commute.",
    "{possessive} workplace was in {value}.",
    "{possessive} office was in {value}.",
    "{possessive} office window looked out over {value}.",
    "{possessive} desk stood in an office building in {value}.",
    "{possessive} job was in {value}.",
    "{possessive} career unfolded in {value}.",
    "{possessive} employer had its headquarters in {value}.",
    "{possessive} company was based in {value}.",
    "{possessive} work took place in {value}.",
    "{possessive} work brought a move to {value}.",
    "{possessive} daily commute ended in {value}.",
    "{possessive} professional life was anchored in {value}.",
    "{possessive} working hours were spent in {value}.",
    "{possessive} place of work was {value}.",
    "{possessive} business cards gave an address in {value}.",
    "{possessive} paychecks were mailed from {value}.",
    "{possessive} employer rented offices in {value}.",
    "{possessive} coworkers met every morning in {value}.",
    "In {value}, {subject} went to work each day.",
    "It was in {value} that {subject} worked.",
    "The city where {subject} worked was {value}.",
    "The office where {subject} worked stood in {value}.",
    "The job that {subject} held was in {value}.",
};

// What stands in a slot that speaks of the person.
std::string person_slot(std::string_view slot, const Mention& mention) {
  const PronounForms& pronoun = kPronouns[mention.pronoun];
  if (slot == "subject") return mention.full_name ? mention.name : std::string(pronoun.they);
  if (slot == "possessive") return mention.full_name ? mention.name + "'s" : std::string(pronoun.their);
  if (slot == "was") return mention.full_name ? "was" : std::string(pronoun.was);
  if (slot == "they") return std::string(pronoun.they);
  if (slot == "their") return std::string(pronoun.their);
  fail("filling a sentence: there is no slot \"{{{}}}\"; the slots are value, subject, possessive, was, they, their",
       slot);
}

}  // namespace

std::span<const std::string_view> sentences(Attribute attribute) {
  static constexpr std::span<const std::string_view> kAll[] = {kBirthDate, kBirthCity, kUniversity,
                                                               kMajor,     kCompany,   kCompanyCity};
  return kAll[static_cast<size_t>(attribute)];
}

std::string_view question(Attribute attribute, Wording wording) {
  static constexpr std::string_view kQuestions[][2] = {
      {"What is the birth date of {subject}?", "Which day was {subject} born on?"},
      {"What is the birth city of {subject}?", "Where was {subject} born?"},
      {"Which university did {subject} study at?", "What university did {subject} graduate from?"},
      {"What major did {subject} study?", "Which subject did {subject} major in?"},
      {"Which company did {subject} work for?", "Which firm employed {subject}?"},
      {"Where did {subject} work?", "Which city did {subject} work in?"}};
  return kQuestions[static_cast<size_t>(attribute)][static_cast<size_t>(wording)];
}

std::string fill(std::string_view sentence, const Mention& mention, std::string_view value, size_t* value_begin) {
  std::string text;
  for (size_t at = 0; at < sentence.size();) {
    const size_t open = std::min(sentence.find('{', at), sentence.size());
    text += sentence.substr(at, open - at);
    if (open == sentence.size()) break;
    const size_t close = sentence.find('}', open);
    check(close != std::string_view::npos, "filling \"{}\": the slot at byte {} has no '}}'", sentence, open);
    const std::string_view slot = sentence.substr(open + 1, close - open - 1);
    if (slot == "value") {
      if (value_begin) *value_begin = text.size();
      text += value;
    } else {
      std::string word = person_slot(slot, mention);
      if (text.empty() && !mention.full_name) word[0] += 'A' - 'a';
      text += word;
    }
    at = close + 1;
  }
  return text;
}

}  // namespace lethe::world
