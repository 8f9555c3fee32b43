#include "jobinit/deliver/spool.hpp"

#include <nlohmann/json.hpp>

namespace jobinit::deliver {
namespace {

using report::Document;

constexpr std::string_view kReport = ".json";
constexpr std::string_view kLock = ".lock";
constexpr std::size_t kLargestFile = std::size_t{16} << 20U;

std::string path(const std::string& stem, std::string_view extension) { return stem + std::string(extension); }

void remove_files(const std::string& stem) {
  static_cast<void>(kernel::remove_file(path(stem, kReport)));
  static_cast<void>(kernel::remove_file(path(stem, kLock)));
}

// A run's id becomes a part of a path.
bool is_name(std::string_view id) {
  return !id.empty() && id.front() != '.' && id.find_first_not_of("0123456789abcdefABCDEF-") == std::string_view::npos;
}

}  // namespace

Result<SpooledReport> SpooledReport::keep(const std::string& folder, const Document& report,
                                          std::vector<std::string> sinks, kernel::Durability durability) {
  const std::string id = report.value("run_id", std::string());
  if (!is_name(id)) {
    return error("the report has no run_id");
  }
  const std::string stem = folder + '/' + id;
  auto lock = kernel::FileLock::try_take(path(stem, kLock), kernel::FileLock::Role::owner);
  if (!lock) {
    return lock.failure();
  }
  if (!*lock) {
    return error("{}: somebody else holds the lock of this run", path(stem, kLock));
  }
  SpooledReport spooled(stem, std::move(**lock));
  spooled.report_ = report;
  spooled.sinks_ = std::move(sinks);
  if (auto written = spooled.write(durability); !written) {
    remove_files(stem);
    return written.failure();
  }
  return spooled;
}

Result<std::optional<SpooledReport>> SpooledReport::take(const std::string& folder, const std::string& name) {
  const std::string stem = folder + '/' + name;
  auto lock = kernel::FileLock::try_take(path(stem, kLock), kernel::FileLock::Role::finder);
  if (!lock) {
    return lock.failure();
  }
  if (!*lock) {
    return std::optional<SpooledReport>();
  }
  SpooledReport spooled(stem, std::move(**lock));
  if (!kernel::file_identity(path(stem, kReport))) {
    // Delivered between the caller's look and ours; the lock's file was ours to make, then.
    static_cast<void>(kernel::remove_file(path(stem, kLock)));
    return std::optional<SpooledReport>();
  }
  const auto text = kernel::read_file(path(stem, kReport), kLargestFile);
  if (!text) {
    return text.failure();
  }
  const auto document = report::parse_json(*text);
  if (!document || !document->is_object() || !document->contains("report") || !document->contains("sinks")) {
    return error("{}: not a report that jobinit has kept", path(stem, kReport));
  }
  auto report = report::check_report((*document)["report"]);
  if (!report) {
    return error("{}: {}", path(stem, kReport), report.failure().message);
  }
  for (const Document& sink : (*document)["sinks"]) {
    if (sink.is_string()) {
      spooled.sinks_.push_back(sink.get<std::string>());
    }
  }
  spooled.report_ = std::move(*report);
  return std::optional<SpooledReport>(std::move(spooled));
}

Result<void> SpooledReport::write(kernel::Durability durability) const {
  Document document;
  document["sinks"] = sinks_;
  document["report"] = report_;
  return kernel::replace_file(path(stem_, kReport),
                              document.dump(-1, ' ', false, Document::error_handler_t::replace) + "\n", durability);
}

Result<void> SpooledReport::settle(std::vector<std::string> lacking, kernel::Durability durability) {
  if (lacking.empty()) {
    sinks_.clear();
    remove_files(stem_);
    return {};
  }
  if (lacking == sinks_) {
    return {};
  }
  sinks_ = std::move(lacking);
  return write(durability);
}

Result<std::vector<std::string>> list_spool(const std::string& folder) {
  const auto names = kernel::list_folder(folder);
  if (!names) {
    return names.failure();
  }
  std::vector<std::string> found;
  for (const std::string& name : *names) {
    const std::string_view stem = std::string_view(name).substr(0, name.size() - std::min(name.size(), kReport.size()));
    if (name.ends_with(kReport) && is_name(stem)) {
      found.emplace_back(stem);
    }
  }
  return found;
}

std::size_t cut_spool(const std::string& folder, std::uint64_t most, const std::string& spared) {
  const auto names = list_spool(folder);
  if (!names) {
    return 0;
  }
  std::vector<std::pair<std::string, std::uint64_t>> sizes;
  std::uint64_t all = 0;
  for (const std::string& name : *names) {
    const std::uint64_t size = kernel::file_size(path(folder + '/' + name, kReport)).value_or(0);
    sizes.emplace_back(name, size);
    all += size;
  }
  std::size_t dropped = 0;
  for (const auto& [name, size] : sizes) {
    if (all <= most) {
      break;
    }
    const std::string stem = folder + '/' + name;
    const auto lock = name == spared ? Result<std::optional<kernel::FileLock>>(std::nullopt)
                                     : kernel::FileLock::try_take(path(stem, kLock), kernel::FileLock::Role::finder);
    if (!lock || !*lock) {
      continue;
    }
    remove_files(stem);
    all -= size;
    ++dropped;
  }
  return dropped;
}

}  // namespace jobinit::deliver
