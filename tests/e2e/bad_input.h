// What the tests of bad input share: small models to break, and what is asked of every run that must fail.
#pragma once
#include <map>
#include <string>
#include <vector>

#include "tests/e2e/run.h"
#include "tests/temp_dir.h"

// Runs with --threads 1 and checks: the exit status; nothing on stdout; one or two lines on stderr that begin with
// "lethe: " and hold each of `parts`. Returns stderr.
std::string check_fails(int status, std::vector<std::string> arguments, const std::vector<std::string>& parts);
// The same with --threads 1 and status 0.
Run check_works(std::vector<std::string> arguments);

// Every file below a folder (or the file itself), by its name.
std::map<std::string, std::string> bytes_below(const std::filesystem::path& path);
// A model, an adapter or a part of one is in `out`.
bool holds_model(const std::filesystem::path& out);

// A fresh copy of a tiny Hugging Face directory with a tokenizer, fp32: "llama" (64 positions, tied head) or "gpt2"
// (40).
std::filesystem::path copy_model(const TempDir& dir, const std::string& family = "llama");
// A fresh copy of the same model as a GGUF file.
std::filesystem::path copy_gguf(const TempDir& dir);
// Three facts that these models can read.
std::filesystem::path write_facts(const TempDir& dir);

// Overwrites `bytes` at `offset`, or before the file's end where it is negative; and keeps the first `size` bytes only.
void patch_file(const std::filesystem::path& file, int64_t offset, const std::string& bytes);
void cut_file(const std::filesystem::path& file, size_t size);
// Replaces the first `from` in the file, of the same length; it must be there.
void replace_in(const std::filesystem::path& file, const std::string& from, const std::string& to);
