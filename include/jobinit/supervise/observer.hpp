// Who is told of a run while it goes on. Supervision knows nothing of what becomes of it, but for one thing: the
// observer may have a process of its own among our children.
#pragma once

#include <functional>
#include <optional>
#include <string>

#include "jobinit/base/event.hpp"
#include "jobinit/supervise/outcome.hpp"

namespace jobinit::supervise {

// Called within the event loop: nothing here may block or throw.
class Observer {
 public:
  Observer() = default;
  Observer(const Observer&) = delete;
  Observer& operator=(const Observer&) = delete;
  virtual ~Observer() = default;

  // `so_far`: without the log's tail, and its verdict says nothing.
  using SoFar = std::function<Outcome()>;
  virtual void happened(EventKind kind, const SoFar& so_far, const std::string& text) = 0;

  // Its process among our children, which is reaped for it, and neither counted nor ended with the job's; 0: none now.
  virtual pid_t helper() const = 0;
  // Of every child that was reaped; whether it was that one.
  virtual bool reaped(pid_t pid, const kernel::WaitStatus& status) = 0;
  // The helper stands in the way of ending the tree at once, and is killed with it.
  virtual void sacrifice() = 0;

  // When tick() is due; nullopt: not before something happens.
  virtual std::optional<TimePoint> next_deadline() const = 0;
  virtual void tick(TimePoint now, const SoFar& so_far) = 0;
};

}  // namespace jobinit::supervise
