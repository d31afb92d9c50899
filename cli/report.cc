// lethe report: one HTML page from run folders and studies.
#include "lethe/run/report.h"

#include "cli/program.h"
#include "lethe/study/study.h"

namespace lethe::cli {
namespace {

bool is_page(const fs::path& path) {
  const MappedFile file(path);
  return std::string_view(reinterpret_cast<const char*>(file.bytes().data()), file.bytes().size())
      .starts_with("<!doctype html>");
}

}  // namespace

void report(Arguments arguments) {
  std::vector<std::string> folders;
  fs::path out;
  bool overwrite = false;
  Common common;
  Options options("report",
                  "Draws the page of a run, or of several beside each other, anew: folders that update, finetune,\n"
                  "pretrain or study wrote. One HTML file, that needs nothing beside it.");
  options.example("report updated --out page.html", "the proof of an update");
  options.example("report tuned-1 tuned-2 --out page.html",
                  "two trainings: numbers and losses side by side, then each");
  options.example("report out/laboratory --out page.html", "a study");
  options.add("run", folders, "a run's folder, a model that Lethe trained, or the folder of a study")
      .several()
      .required();
  options.add("out", out, "the page to write").required().placeholder("PAGE.html");
  options.add("overwrite", overwrite, "replace the page, where there is one").flag();
  if (!common.start(options, arguments)) return;
  check_out(out, OutKind::kFile, overwrite);
  check(!fs::exists(out) || fs::file_size(out) == 0 || is_page(out), "--out {} is no page; give another", out.string());

  std::vector<run::RunRecord> runs;
  for (const std::string& folder : folders)
    if (!study::is_study(folder)) runs.push_back(run::read_run(folder));
  run::tell_apart(runs);
  std::vector<run::Page> pages;
  for (size_t next = 0; const std::string& folder : folders)
    pages.push_back(study::is_study(folder) ? study::study_page_of(folder)
                                            : run::page_of_run(runs[next++], folders.size() > 1));
  const char* what = runs.empty() ? "studies" : runs.size() == pages.size() ? "runs" : "pages";
  const run::Page cover = {"Lethe report", fmt::format("{} {}", pages.size(), what), "",
                           runs.size() > 1 ? run::side_by_side_html(runs) : "", pages[0].footer};
  write_file(out, pages.size() == 1 ? run::page_html(pages[0]) : run::pages_html(cover, pages));
  if (common.json) return print_json({{"runs", pages.size()}, {"out", out.string()}});
  print(fmt::format("written: {}\n", out.string()));
}

}  // namespace lethe::cli
