#include "io/checked_json.hpp"

#include <algorithm>
#include <cmath>

#include "base/file_kind.hpp"
#include "openset/base/spelling.hpp"

namespace openset::io {
namespace {

constexpr std::size_t max_depth = 64;
constexpr std::size_t longest_quote = 80; // bytes of foreign text in one message

bool continues_utf8(char byte) { return (static_cast<unsigned char>(byte) & 0xC0U) == 0x80U; }

std::string cut(std::string_view text) {
    if (text.size() <= longest_quote) return std::string(text);
    std::size_t end = longest_quote;
    while (end > 0 && continues_utf8(text[end])) --end;
    return std::string(text.substr(0, end)) + "...";
}

std::string in_words(double value) {
    const std::string text = Json(value).dump();
    return text.ends_with(".0") ? text.substr(0, text.size() - 2) : text;
}

std::string joined(const std::vector<std::string>& words) {
    std::string result;
    for (const std::string& word : words) result += (result.empty() ? "" : ", ") + word;
    return result;
}

std::string line_and_column(std::string_view text, std::size_t byte) {
    const std::string_view before = text.substr(0, std::min(byte, text.size()));
    const auto line = 1 + std::ranges::count(before, '\n');
    const std::size_t line_start = before.rfind('\n') == std::string_view::npos ? 0 : before.rfind('\n') + 1;
    const auto column = 1 + std::ranges::count_if(before.substr(line_start), [](char c) { return !continues_utf8(c); });
    return "line " + std::to_string(line) + ", column " + std::to_string(column);
}

/// nlohmann's message without its number, its own line and column, and its line breaks.
std::string reason(const std::string& message) {
    std::string text = message;
    for (const std::string_view prefix : {"] ", "column "}) {
        if (const auto at = text.find(prefix); at != std::string::npos) text.erase(0, at + prefix.size());
    }
    if (const auto colon = text.find(": ");
        colon != std::string::npos && text.find_first_not_of("0123456789") == colon) {
        text.erase(0, colon + 2);
    }
    if (const auto dash = text.find(" - "); text.starts_with("syntax error") && dash != std::string::npos) {
        text.erase(0, dash + 3);
    }
    // Its vocabulary is not ours.
    for (const auto& [word, ours] :
         {std::pair("invalid literal", "found no JSON value"), std::pair("invalid ", "found a malformed ")}) {
        if (!text.starts_with(word)) continue;
        text.replace(0, std::string_view(word).size(), ours);
        if (text.find("; expected") == std::string::npos) text += "; expected JSON";
    }
    const std::string escaped = Json(cut(text)).dump(-1, ' ', false, Json::error_handler_t::replace);
    std::string result;
    for (std::size_t i = 1; i + 1 < escaped.size(); ++i) {
        if (escaped[i] == '\\' && (escaped[i + 1] == '"' || escaped[i + 1] == '\\')) ++i;
        result += escaped[i];
    }
    return result;
}

/// Builds the document, watching for what a finished one no longer shows: keys given twice, and the depth.
class DocumentBuilder {
public:
    DocumentBuilder(std::string_view text, JsonProblems& problems) : text_(text), problems_(problems) {}

    Json take() { return std::move(root_); }

    bool null() { return place(nullptr); }
    bool boolean(bool value) { return place(value); }
    bool number_integer(Json::number_integer_t value) { return place(value); }
    bool number_unsigned(Json::number_unsigned_t value) { return place(value); }
    bool number_float(Json::number_float_t value, const std::string&) { return place(value); }
    bool string(std::string& value) { return place(std::move(value)); }
    bool binary(Json::binary_t&) { return false; }

    bool start_object(std::size_t) { return open(Json::object()); }
    bool key(std::string& key) {
        Level& level = open_.back();
        if (level.value->contains(key)) {
            problems_.add(pointer_to(pointer(), key), "the key occurs twice in its object; keep one");
        }
        level.key = key;
        return true;
    }
    bool end_object() { return close(); }
    bool start_array(std::size_t) { return open(Json::array()); }
    bool end_array() { return close(); }

    bool parse_error(std::size_t position, const std::string&, const Json::exception& error) {
        if (const std::string kind = kind_of_file(text_); !kind.empty()) {
            problems_.add("", "found " + kind + ", expected JSON");
            return false;
        }
        // The position is one past the last byte read, and counts the end of the text as one.
        const std::size_t last = position > 0 ? position - 1 : 0;
        problems_.add("", line_and_column(text_, last) + ": " + reason(error.what()));
        return false;
    }

private:
    struct Level {
        Json* value;
        std::string key; ///< of the member being read, where the value is an object
    };

    Json* put(Json value) {
        if (open_.empty()) {
            root_ = std::move(value);
            return &root_;
        }
        Level& level = open_.back();
        if (level.value->is_array()) {
            level.value->push_back(std::move(value));
            return &level.value->back();
        }
        Json& member = (*level.value)[level.key];
        member = std::move(value);
        return &member;
    }

    bool place(Json value) {
        put(std::move(value));
        return true;
    }

    bool open(Json value) {
        if (open_.size() == max_depth) {
            problems_.add("", "nested too deeply; expected at most " + std::to_string(max_depth) + " levels");
            return false;
        }
        open_.push_back({put(std::move(value)), ""});
        return true;
    }

    bool close() {
        open_.pop_back();
        return true;
    }

    std::string pointer() const {
        std::string result;
        for (std::size_t i = 0; i + 1 < open_.size(); ++i) {
            const Level& level = open_[i];
            result = pointer_to(result, level.value->is_array() ? std::to_string(level.value->size() - 1) : level.key);
        }
        return result;
    }

    std::string_view text_;
    JsonProblems& problems_;
    Json root_;
    std::vector<Level> open_;
};

} // namespace

std::string in_quotes(std::string_view text) {
    return Json(cut(text)).dump(-1, ' ', false, Json::error_handler_t::replace);
}

std::string describe(const Json& value) {
    switch (value.type()) {
    case Json::value_t::string: return in_quotes(value.get_ref<const std::string&>());
    case Json::value_t::array: return value.empty() ? "an empty array" : "an array of " + std::to_string(value.size());
    case Json::value_t::object: return value.empty() ? "an empty object" : "an object";
    default: return value.dump();
    }
}

std::string pointer_to(const std::string& parent, std::string_view key) {
    std::string result = parent + "/";
    for (const char c : key) {
        if (c == '~')
            result += "~0";
        else if (c == '/')
            result += "~1";
        else
            result += c;
    }
    return result;
}

void JsonProblems::add(const std::string& pointer, const std::string& text) {
    std::string line = file_ + ": ";
    if (!pointer.empty()) {
        const std::string quoted_pointer = in_quotes(pointer);
        // The quotes go, the escapes of control characters stay: a key may hold anything.
        line += quoted_pointer.substr(1, quoted_pointer.size() - 2);
        for (const auto& [place, flag] : origins_) {
            if (pointer == place || pointer.starts_with(place + "/")) line += " (from " + flag + ")";
        }
        line += ": ";
    }
    lines_.push_back(line + text);
}

void JsonProblems::throw_if_any(ErrorKind kind) const {
    if (lines_.empty()) return;
    std::string message;
    for (const std::string& line : lines_) message += (message.empty() ? "" : "\n") + line;
    throw Error(kind, message);
}

std::optional<Json> parse_json(std::string_view text, JsonProblems& problems) {
    DocumentBuilder builder(text, problems);
    if (!Json::sax_parse(text.begin(), text.end(), &builder, Json::input_format_t::json, true, true)) return {};
    return builder.take();
}

void CheckedValue::expected(const std::string& what) const {
    problem("found " + describe(*value_) + ", expected " + what);
}

std::optional<std::string> CheckedValue::text(const std::string& what) const {
    if (value_->is_string() && !value_->get_ref<const std::string&>().empty()) return value_->get<std::string>();
    expected(what);
    return {};
}

std::optional<bool> CheckedValue::boolean() const {
    if (value_->is_boolean()) return value_->get<bool>();
    expected("true or false");
    return {};
}

std::optional<int> CheckedValue::integer(int min, int max) const {
    if (value_->is_number()) {
        const auto found = value_->get<double>();
        if (found == std::floor(found) && found >= min && found <= max) return static_cast<int>(found);
    }
    const std::string range = max == std::numeric_limits<int>::max()
                                  ? std::to_string(min) + " or more"
                                  : std::to_string(min) + " to " + std::to_string(max);
    expected(min == max ? std::to_string(min) : "a whole number, " + range);
    return {};
}

std::optional<std::int64_t> CheckedValue::count(std::int64_t max) const {
    const std::int64_t largest = std::min(max, std::int64_t{1} << 53);
    if (value_->is_number()) {
        const auto found = value_->get<double>();
        if (found == std::floor(found) && found >= 0 && found <= static_cast<double>(largest))
            return static_cast<std::int64_t>(found);
    }
    expected("a whole number, 0 or more");
    return {};
}

std::optional<double> CheckedValue::number(double min, double max) const {
    return number(min, max, "a number from " + in_words(min) + " to " + in_words(max));
}

std::optional<double> CheckedValue::number(double min, double max, const std::string& what) const {
    if (value_->is_number()) {
        const auto found = value_->get<double>();
        if (found >= min && found <= max) return found;
    }
    expected(what);
    return {};
}

std::optional<std::string> CheckedValue::one_of(const std::vector<std::string>& choices) const {
    std::vector<std::string> quoted_choices;
    for (const std::string& choice : choices) quoted_choices.push_back(in_quotes(choice));
    const std::string what = (choices.size() == 1 ? "" : "one of ") + joined(quoted_choices);
    if (!value_->is_string()) {
        expected(what);
        return {};
    }
    const auto& found = value_->get_ref<const std::string&>();
    if (std::ranges::find(choices, found) != choices.end()) return found;
    expected(what + did_you_mean(found, choices));
    return {};
}

std::optional<CheckedObject> CheckedValue::object(const std::string& what) const {
    if (value_->is_object()) return CheckedObject(*value_, pointer_, *problems_);
    expected(what);
    return {};
}

std::optional<std::vector<CheckedValue>> CheckedValue::array(const std::string& what, std::size_t min,
                                                             std::size_t max) const {
    if (!value_->is_array() || value_->size() < min || value_->size() > max) {
        expected(what);
        return {};
    }
    std::vector<CheckedValue> result;
    result.reserve(value_->size());
    for (std::size_t i = 0; i < value_->size(); ++i) {
        result.emplace_back((*value_)[i], pointer_ + "/" + std::to_string(i), *problems_);
    }
    return result;
}

std::optional<CheckedValue> CheckedObject::optional(const std::string& key) {
    known_keys_.push_back(key);
    const auto found = object_->find(key);
    if (found == object_->end()) return {};
    return CheckedValue(*found, pointer_to(pointer_, key), *problems_);
}

std::optional<CheckedValue> CheckedObject::required(const std::string& key, const std::string& what) {
    auto value = optional(key);
    if (!value) problems_->add(pointer_, "no \"" + key + "\", expected " + what);
    return value;
}

bool CheckedObject::is_of_format(const std::string& format) {
    const auto value = required("format", in_quotes(format));
    if (!value) return true; // something without the key may still be meant for it
    if (value->json() == format) return true;
    value->expected(in_quotes(format));
    return false;
}

std::vector<std::pair<std::string, CheckedValue>> CheckedObject::members() const {
    std::vector<std::pair<std::string, CheckedValue>> result;
    for (const auto& [key, value] : object_->items()) {
        result.emplace_back(key, CheckedValue(value, pointer_to(pointer_, key), *problems_));
    }
    return result;
}

void CheckedObject::refuse_other_keys() const {
    for (const auto& [key, value] : object_->items()) {
        if (std::ranges::find(known_keys_, key) != known_keys_.end()) continue;
        const std::string meant = did_you_mean(key, known_keys_);
        problems_->add(pointer_to(pointer_, key),
                       "unknown key" + (meant.empty() ? ", expected one of " + joined(known_keys_) : meant));
    }
}

void CheckedObject::refuse_misspelt_keys() const {
    for (const auto& [key, value] : object_->items()) {
        if (std::ranges::find(known_keys_, key) != known_keys_.end()) continue;
        const auto meant = closest_spelling(key, known_keys_);
        // A key of about the same length is a slip; "license_url" beside "license" is a note.
        if (!meant || std::max(meant->size(), key.size()) - std::min(meant->size(), key.size()) > 1) continue;
        problems_->add(pointer_to(pointer_, key),
                       "unknown key" + did_you_mean(key, known_keys_) + " A note needs another name");
    }
}

} // namespace openset::io
