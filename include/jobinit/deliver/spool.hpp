// Reports that have not arrived everywhere yet, in a folder on a volume that outlives the container (--spool), for the
// next run or `jobinit deliver --spool`. A report has two files there: RUN_ID.json, itself with the sinks that lack it
// (as they are shown: no credentials), and RUN_ID.lock, which whoever is about to deliver it holds. What is there is
// delivered at least once, with the same id.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "jobinit/kernel/files.hpp"
#include "jobinit/kernel/lock.hpp"
#include "jobinit/report/report.hpp"

namespace jobinit::deliver {

class SpooledReport {
 public:
  // Writes a report down before it is sent, so that it is there whenever this process dies. `sinks`: who is to get it.
  // The folder must be there.
  static Result<SpooledReport> keep(const std::string& folder, const report::Document& report,
                                    std::vector<std::string> sinks, kernel::Durability durability);

  // One that was kept; nullopt when somebody else has it in hand, or it is gone.
  static Result<std::optional<SpooledReport>> take(const std::string& folder, const std::string& name);

  const report::Document& report() const { return report_; }
  const std::vector<std::string>& sinks() const { return sinks_; }

  // Only these lack it still; with none, it is removed.
  Result<void> settle(std::vector<std::string> lacking, kernel::Durability durability);

 private:
  SpooledReport(std::string stem, kernel::FileLock lock) : stem_(std::move(stem)), lock_(std::move(lock)) {}
  Result<void> write(kernel::Durability durability) const;

  std::string stem_;  // path without extension
  kernel::FileLock lock_;
  report::Document report_;
  std::vector<std::string> sinks_;
};

// The names of what is there, the oldest first: UUIDv7 sorts by time.
Result<std::vector<std::string>> list_spool(const std::string& folder);

// Removes the oldest of those that nobody has in hand until all together are at most so large; how many. `spared` is
// not removed.
std::size_t cut_spool(const std::string& folder, std::uint64_t most, const std::string& spared);

}  // namespace jobinit::deliver
