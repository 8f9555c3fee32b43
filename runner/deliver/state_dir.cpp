#include "jobinit/deliver/state_dir.hpp"

#include <nlohmann/json.hpp>

#include "jobinit/kernel/files.hpp"

namespace jobinit::deliver {
namespace {

using report::Document;

constexpr std::string_view kState = ".json";
constexpr std::string_view kLock = ".lock";
constexpr std::size_t kLargestState = std::size_t{16} << 20U;

std::string path(const std::string& stem, std::string_view extension) { return stem + std::string(extension); }

void remove_files(const std::string& stem) {
  // The state first: a lock that falls while the state is there means that somebody died.
  static_cast<void>(kernel::remove_file(path(stem, kState)));
  static_cast<void>(kernel::remove_file(path(stem, kLock)));
}

// Whether the kernel has counted an OOM kill since the run began, as far as its group is still there to be looked at.
bool out_of_memory(const Document& state) {
  const auto memory = state.find("memory");
  if (memory == state.end() || !memory->is_object()) {
    return false;
  }
  const std::string file = memory->value("oom_file", std::string());
  if (file.empty() || kernel::file_identity(file) != memory->value("identity", std::string())) {
    return false;
  }
  return kernel::MemoryCgroup::oom_kills_in(file).value_or(0) > memory->value("oom_kills", std::uint64_t{0});
}

Result<Document> read_state(const std::string& file) {
  const auto text = kernel::read_file(file, kLargestState);
  if (!text) {
    return text.failure();
  }
  const auto state = report::parse_json(*text);
  if (!state || !state->is_object() || !state->contains("report")) {
    return error("{}: not the state of a run", file);
  }
  try {  // whoever can write to the folder can have written anything
    const auto parsed = report::check_report((*state)["report"]);
    if (!parsed) {
      return error("{}: {}", file, parsed.failure().message);
    }
    return report::found_lost(*parsed, out_of_memory(*state), std::chrono::system_clock::now());
  } catch (const nlohmann::json::exception& failure) {
    return error("{}: {}", file, failure.what());
  }
}

}  // namespace

KeptState::KeptState(std::string stem, kernel::FileLock lock) : stem_(std::move(stem)), lock_(std::move(lock)) {
  if (const auto group = kernel::MemoryCgroup::find(); group && group->exclusive()) {
    oom_file_ = group->oom_file();
    oom_kills_before_ = group->oom_kills();
  }
}

Result<KeptState> KeptState::open(const std::string& folder, const std::string& run_id) {
  const std::string stem = folder + '/' + run_id;
  auto lock = kernel::FileLock::try_take(path(stem, kLock), kernel::FileLock::Role::owner);
  if (!lock) {
    return lock.failure();
  }
  if (!*lock) {
    return error("{}: somebody else holds the lock of this run", path(stem, kLock));
  }
  return KeptState(stem, std::move(**lock));
}

Result<void> KeptState::keep(const Document& report) const {
  Document state;
  state["report"] = report;
  if (oom_kills_before_) {
    state["memory"] = {{"oom_file", oom_file_},
                       {"identity", kernel::file_identity(oom_file_).value_or("")},
                       {"oom_kills", *oom_kills_before_}};
  }
  return kernel::replace_file(path(stem_, kState), state.dump(2) + "\n");
}

void KeptState::drop() {
  remove_files(stem_);
  lock_.reset();
}

std::vector<AbandonedRun> find_abandoned(const std::string& folder, std::vector<std::string>& problems) {
  std::vector<AbandonedRun> found;
  const auto names = kernel::list_folder(folder);
  if (!names) {
    problems.push_back(names.failure().message);
    return found;
  }
  for (const std::string& name : *names) {
    if (!name.ends_with(kState)) {
      continue;
    }
    const std::string stem = folder + '/' + name.substr(0, name.size() - kState.size());
    auto lock = kernel::FileLock::try_take(path(stem, kLock), kernel::FileLock::Role::finder);
    if (!lock) {
      problems.push_back(lock.failure().message);
      continue;
    }
    if (!*lock) {
      continue;  // it lives
    }
    if (!kernel::file_identity(path(stem, kState))) {
      // Done between our two looks, by itself or by another finder; its lock file was ours to make, then.
      static_cast<void>(kernel::remove_file(path(stem, kLock)));
      continue;
    }
    auto report = read_state(path(stem, kState));
    if (!report) {
      problems.push_back(report.failure().message);
      continue;
    }
    found.push_back({stem, std::move(**lock), std::move(*report)});
  }
  return found;
}

void remove(const AbandonedRun& run) { remove_files(run.stem); }

}  // namespace jobinit::deliver
