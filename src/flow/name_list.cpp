#include "openset/flow/name_list.hpp"

#include <span>
#include <utility>

#include "openset/base/error.hpp"

namespace openset::flow {
namespace {

constexpr std::size_t buffer_size = 1 << 16;
constexpr std::size_t longest_name = 1 << 20; // the kernel takes 4096 bytes

} // namespace

NameList::NameList(std::unique_ptr<ByteSource> bytes, std::string told_as, char separator)
    : bytes_(std::move(bytes)), told_as_(std::move(told_as)), separator_(separator), buffer_(buffer_size) {}

std::optional<std::string> NameList::next(const Cancellation& cancellation) {
    std::string name;
    while (true) {
        const std::string_view unread(reinterpret_cast<const char*>(buffer_.data()) + begin_, end_ - begin_);
        const std::size_t length = unread.find(separator_);
        name += unread.substr(0, length);
        if (length != std::string_view::npos) {
            begin_ += length + 1;
            break;
        }
        if (name.size() > longest_name) {
            throw Error(ErrorKind::unreadable, told_as_ + ": " + std::to_string(name.size()) +
                                                   " bytes without the end of a name; is it a list of names?");
        }
        const auto count = fill(cancellation);
        if (!count || (*count == 0 && name.empty())) return std::nullopt;
        if (*count == 0) break;
    }
    if (separator_ == '\n' && name.ends_with('\r')) name.pop_back();
    return name;
}

std::optional<std::size_t> NameList::fill(const Cancellation& cancellation) {
    begin_ = end_ = 0;
    try {
        const auto count = bytes_->read(buffer_, cancellation);
        end_ = count.value_or(0);
        return count;
    } catch (const Error& error) {
        throw Error(error.kind(), told_as_ + ": " + error.what());
    }
}

} // namespace openset::flow
