// One go at a job, from its start until it and everything it left behind is gone.
#pragma once

#include "jobinit/kernel/notify_socket.hpp"
#include "jobinit/supervise/supervisor.hpp"

namespace jobinit::supervise {

// `policy` instead of the plan's: the timeout of the run has gone on since. `number` counts from 1. `notify`
// and `observer`, which stands for the plan's, may be null. Throws where the machine is exhausted; nothing of the job
// is left then.
Outcome run_attempt(const RunPlan& plan, const Policy& policy, unsigned number, const kernel::NotifySocket* notify,
                    Observer* observer, const kernel::SignalState& signals, const kernel::Fd& signalfd);

}  // namespace jobinit::supervise
