// The compiled parts of Boost.Process v2 that launching needs, once, instead of in every file that includes it. Not its
// src.hpp: that brings wordexp(3) for its shell class, and with it glibc's name service switch, which in a static
// binary would load libraries of the image's own glibc. Its launcher uses asio's throw_error without including it.
#include <boost/asio/detail/throw_error.hpp>
#include <boost/process/v2/detail/impl/environment.ipp>
#include <boost/process/v2/detail/impl/last_error.ipp>
#include <boost/process/v2/detail/impl/throw_error.ipp>
#include <boost/process/v2/detail/impl/utf8.ipp>
#include <boost/process/v2/impl/default_launcher.ipp>
#include <boost/process/v2/impl/error.ipp>
#include <boost/process/v2/impl/pid.ipp>
