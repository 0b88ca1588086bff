#pragma once

#include <c10/util/Exception.h>
#include <exception>
#include <string>
#include <string_view>

#include "openset/base/error.hpp"

/// LibTorch's exceptions as ours.
namespace openset::torch {

/// LibTorch's message without its C++ and TorchScript backtraces: the last line that says something.
std::string short_message(const std::string& text);

/// The same of what LibTorch threw.
std::string message_of(const std::exception& error);

/// By the text: the CPU allocator has no error type of its own, and the TorchScript interpreter rethrows every error as
/// std::runtime_error.
bool is_out_of_memory(std::string_view text);

/// Throws Error(out_of_memory), Error(model), or Error(internal) where the device has failed for good: "what: message".
[[noreturn]] void throw_ours(const std::string& what, const std::string& text);

/// Calls LibTorch; its exceptions leave as ours.
template <typename Call>
auto guarded(const std::string& what, Call call) {
    try {
        return call();
    } catch (const Error&) {
        throw;
    } catch (const c10::Error& error) {
        throw_ours(what, error.what_without_backtrace());
    } catch (const std::exception& error) {
        throw_ours(what, error.what());
    }
}

} // namespace openset::torch
