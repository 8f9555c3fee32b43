// The compiled parts of Boost.Process v2, once, instead of in every file that includes it.
// Its launcher uses asio's throw_error without including it.
#include <boost/asio/detail/throw_error.hpp>
#include <boost/process/v2/src.hpp>
