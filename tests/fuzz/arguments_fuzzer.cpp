// The command line and the environment: schedulers, templates and people write them. The input holds both,
// NUL-separated; every piece is an argument as well as an environment entry.
#include <algorithm>

#include "properties.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace jobinit;
  const std::vector<std::string> pieces = fuzz::pieces_of(fuzz::as_text(data, size));
  const cli::Arguments arguments = cli::parse_arguments(pieces);
  fuzz::require(arguments.operands.size() <= pieces.size(), "operands are arguments");
  fuzz::require(std::equal(arguments.operands.rbegin(), arguments.operands.rend(), pieces.rbegin()),
                "the job's command is passed on as it is");
  std::vector<cli::Given> given = arguments.given;
  for (cli::Given& one : cli::parse_environment(pieces).given) {
    fuzz::require(one.source == cli::Source::environment, "what the environment gives says so");
    given.push_back(std::move(one));
  }
  fuzz::require_sane(cli::resolve(std::move(given)));
  return 0;
}
