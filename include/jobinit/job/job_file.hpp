// The job file: settings (and later parameters) baked into an image or mounted, JSON with comments.
#pragma once

#include <optional>
#include <string>

#include "jobinit/cli/resolve.hpp"
#include "jobinit/kernel/files.hpp"

namespace jobinit::job {

inline constexpr const char* kUsualJobFile = "/etc/jobinit.json";

// What the file gives. `path` empty: the usual file, whose absence is no problem; a file that was asked for must be
// there. Every problem names the file, and the key or the line.
cli::Parsed load_job_file(const std::string& path, const kernel::Root& root = {});

// The same from text, for tests and fuzzing; `where` stands for the file in messages.
cli::Parsed parse_job_file(const std::string& text, const std::string& where);

}  // namespace jobinit::job
