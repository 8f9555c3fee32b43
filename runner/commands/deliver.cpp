// jobinit deliver: sends a saved report to its sinks, or, with --request, what PID 1 asks for on stdin.
#include <algorithm>
#include <nlohmann/json.hpp>

#include "jobinit/cli/help.hpp"
#include "jobinit/commands/gather.hpp"
#include "jobinit/commands/spooled.hpp"
#include "jobinit/deliver/http.hpp"
#include "jobinit/deliver/request.hpp"
#include "jobinit/kernel/fd.hpp"
#include "jobinit/kernel/files.hpp"
#include "jobinit/kernel/process.hpp"

namespace jobinit::commands {
namespace {

using namespace std::chrono_literals;
using deliver::Answer;
using deliver::Sink;

constexpr std::size_t kLargestReport = 16 << 20;

// Tells all `sinks`, and each one's fate as soon as it is known.
void send(const std::vector<Sink>& sinks, const deliver::Event& event, const deliver::SendOptions& options,
          const std::function<void(const Answer&)>& on_answer) {
  std::vector<deliver::Parcel> parcels;
  std::vector<std::size_t> owners;
  for (std::size_t i = 0; i < sinks.size(); ++i) {
    if (!sinks[i].kind->network()) {
      const auto began = std::chrono::steady_clock::now();
      const auto written = sinks[i].kind->write(sinks[i], event, 10s);
      on_answer({i, static_cast<bool>(written), written ? "" : written.failure().message, 0, 1,
                 std::chrono::steady_clock::now() - began});
      continue;
    }
    auto messages = sinks[i].kind->request(sinks[i], event, options.environment);
    if (!messages) {
      on_answer({i, false, messages.failure().message, 0, 0, {}});
      continue;
    }
    parcels.push_back({std::move(*messages), event.id});
    owners.push_back(i);
  }
  deliver::send_all(parcels, options, [&](const deliver::Sent& sent) {
    const Sink& sink = sinks[owners[sent.parcel]];
    on_answer({owners[sent.parcel], sent.ok, deliver::without_credentials(sink, sent.detail), sent.status, sent.tries,
               sent.took});
  });
}

int serve_request(deliver::Environment environment) {
  const auto text = kernel::read_all(0, "standard input", kLargestReport);
  const auto request = text ? deliver::decode_request(*text) : Result<deliver::Request>(text.failure());
  if (!request) {
    tell(request.failure().message);
    return 125;
  }
  std::vector<Sink> sinks;
  for (const std::string& one : request->sinks) {
    auto sink = deliver::parse_sink(one);
    if (!sink) {
      tell(sink.failure().message);
      return 125;
    }
    sinks.push_back(std::move(*sink));
  }
  send(sinks, request->event, {request->timeout, request->tls, environment},
       [](const Answer& answer) { kernel::write_patiently(1, deliver::encode_answer(answer), 1s); });
  return 0;
}

int deliver_saved(const Gathered& gathered, deliver::Environment environment) {
  const std::string& path = gathered.arguments.operands.front();
  const auto text =
      path == "-" ? kernel::read_all(0, "standard input", kLargestReport) : kernel::read_file(path, kLargestReport);
  if (!text) {
    tell(text.failure().message);
    return 125;
  }
  const auto report = report::parse_report(*text);
  if (!report) {
    tell(fmt::format("{}: {}", path, report.failure().message));
    return 125;
  }
  const deliver::Event event = deliver::finished_event(*report);
  std::vector<Sink> sinks;
  for (const Sink& sink : gathered.sinks) {
    if (sink.filter.passes(event)) {
      sinks.push_back(sink);
    }
  }
  std::size_t failed = 0;
  const auto on_answer = [&](const Answer& answer) {
    const std::string& shown = sinks.at(answer.sink).shown;
    failed += answer.delivered ? 0 : 1;
    tell(answer.delivered ? fmt::format("report delivered to {}", shown)
                          : fmt::format("report to {} not delivered: {}", shown, answer.detail));
  };
  const cli::Settings& settings = gathered.resolved.settings;
  send(sinks, event,
       {settings.report_timeout, {settings.ca_file, settings.client_cert, settings.client_key}, environment},
       on_answer);
  return failed == 0 ? 0 : 1;
}

int deliver_spool(const Gathered& gathered, deliver::Environment environment) {
  const cli::Settings& settings = gathered.resolved.settings;
  const auto send_to = [&](const std::vector<std::size_t>& indexes, const deliver::Event& event) {
    std::vector<Sink> sinks;
    for (const std::size_t index : indexes) {
      sinks.push_back(gathered.sinks[index]);
    }
    std::vector<std::size_t> failed;
    send(sinks, event,
         {settings.report_timeout, {settings.ca_file, settings.client_cert, settings.client_key}, environment},
         [&](const Answer& answer) {
           if (!answer.delivered) {
             tell(fmt::format("report {} to {} not delivered: {}", event.id, sinks[answer.sink].shown, answer.detail));
             failed.push_back(indexes[answer.sink]);
           }
         });
    return failed;
  };
  return deliver_spooled(
             gathered, settings.spool, [] { return true; }, send_to)
             ? 0
             : 1;
}

}  // namespace

int deliver(const Invocation& invocation) {
  kernel::hide_memory(true);  // URLs with credentials are in here
  try {
    if (invocation.arguments.size() == 1 && invocation.arguments.front() == "--request") {
      return serve_request(invocation.environment);
    }
    // "deliver REPORT --report-to SINK" reads better than the other way round: the report may come first.
    std::vector<std::string> arguments(invocation.arguments.begin(), invocation.arguments.end());
    std::vector<char*> raw(invocation.raw_arguments.begin(), invocation.raw_arguments.end());
    if (!arguments.empty() && !arguments.front().starts_with("--")) {
      std::rotate(arguments.begin(), arguments.begin() + 1, arguments.end());
      std::rotate(raw.begin(), raw.begin() + (raw.empty() ? 0 : 1), raw.end());
    }
    Gathered gathered = gather({arguments, invocation.environment, raw});
    if (gathered.arguments.help) {
      return kernel::write_patiently(1, cli::help_text(), 10s) ? 0 : 125;
    }
    if (gathered.arguments.operands.size() > 1) {
      gathered.problems.emplace_back("deliver: one report at a time");
    }
    const bool spool = gathered.arguments.operands.empty() && !gathered.resolved.settings.spool.empty();
    if (gathered.arguments.operands.empty() && !spool) {
      gathered.problems.emplace_back("deliver: which report? Name its file, or -, or give --spool");
    }
    if (gathered.sinks.empty() && gathered.problems.empty()) {
      gathered.problems.emplace_back("deliver: where to? Give --report-to, or JOBINIT_REPORT_TO");
    }
    for (const std::string& problem : gathered.problems) {
      tell(problem);
    }
    if (!gathered.problems.empty()) {
      return 125;
    }
    return spool ? deliver_spool(gathered, invocation.environment) : deliver_saved(gathered, invocation.environment);
  } catch (const std::exception& failure) {
    tell(fmt::format("deliver: {}", failure.what()));
    return 125;
  }
}

}  // namespace jobinit::commands
