#pragma once

#include <cstdint>
#include <limits>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "openset/base/error.hpp"

/// Reading JSON that people write: every problem of a document is collected, each with its JSON pointer, what was found
/// and what was expected, so that one run shows all there is to mend.
namespace openset::io {

using Json = nlohmann::json;

/// The value as a message shows it: numbers and short strings in full, the rest by kind. One line, valid UTF-8.
std::string describe(const Json& value);

/// The text in double quotes, control characters escaped, cut where it is very long. One line, valid UTF-8.
std::string in_quotes(std::string_view text);

/// The JSON pointer of a member, with `~` and `/` of its key escaped.
std::string pointer_to(const std::string& parent, std::string_view key);

/// The problems of one document, in the order in which they were found.
class JsonProblems {
public:
    /// file  names the document in messages
    explicit JsonProblems(std::string file) : file_(std::move(file)) {}

    /// pointer  of the value at fault; empty for the whole document
    /// text     one line: what was found, what was expected, the way out
    void add(const std::string& pointer, const std::string& text);

    /// Messages about this value, and what is inside it, say that it comes from the flag.
    void set_origin(const std::string& pointer, const std::string& flag) { origins_[pointer] = flag; }

    /// Throws Error with all problems, one a line, if there are any.
    void throw_if_any(ErrorKind kind) const;

private:
    std::string file_;
    std::map<std::string, std::string> origins_; ///< pointer -> flag
    std::vector<std::string> lines_;
};

/// Parses a document; comments (`//` and `/* */`) are skipped.
/// None where the text is not JSON (the problem says line and column), holds a number too large for a double, or nests
/// more than 64 levels. A key that occurs twice in an object is a problem, but does not end the reading.
std::optional<Json> parse_json(std::string_view text, JsonProblems& problems);

class CheckedObject;

/// One value of a document with the place where it stands. A reader returns none after it has noted a problem.
/// The document and the problems must outlive it.
class CheckedValue {
public:
    CheckedValue(const Json& value, std::string pointer, JsonProblems& problems)
        : value_(&value), pointer_(std::move(pointer)), problems_(&problems) {}

    const Json& json() const { return *value_; }
    const std::string& pointer() const { return pointer_; }

    void problem(const std::string& text) const { problems_->add(pointer_, text); }
    /// Notes `found ..., expected <what>`.
    void expected(const std::string& what) const;

    /// A string that is not empty.
    std::optional<std::string> text(const std::string& what = "a string that is not empty") const;
    std::optional<bool> boolean() const;
    /// A whole number; 5.0 is one.
    std::optional<int> integer(int min, int max) const;
    /// A whole number from 0 to max, at most 2^53: what a double still counts by ones.
    std::optional<std::int64_t> count(std::int64_t max) const;
    std::optional<double> number(double min, double max) const;
    std::optional<double> number(double min, double max, const std::string& what) const;
    /// One of a few strings; a near miss gets a did-you-mean.
    std::optional<std::string> one_of(const std::vector<std::string>& choices) const;
    std::optional<CheckedObject> object(const std::string& what = "an object") const;
    /// The elements of an array of min to max entries.
    std::optional<std::vector<CheckedValue>> array(const std::string& what, std::size_t min = 1,
                                                   std::size_t max = std::numeric_limits<std::size_t>::max()) const;

private:
    const Json* value_;
    std::string pointer_;
    JsonProblems* problems_;
};

/// The members of an object; remembers which keys were asked for, so that the others can be refused.
class CheckedObject {
public:
    CheckedObject(const Json& object, std::string pointer, JsonProblems& problems)
        : object_(&object), pointer_(std::move(pointer)), problems_(&problems) {}

    std::optional<CheckedValue> optional(const std::string& key);
    /// what  for the message where the key is missing: "the network's file"
    std::optional<CheckedValue> required(const std::string& key, const std::string& what);
    /// Whether the document says that it is of this format; notes where it does not. The rest of another format is not
    /// worth telling about.
    bool is_of_format(const std::string& format);
    /// All members, in the order of their keys.
    std::vector<std::pair<std::string, CheckedValue>> members() const;

    /// Notes every key that was never asked for.
    void refuse_other_keys() const;

    /// Notes every key that was never asked for but looks like one that was: for formats that let notes pass.
    void refuse_misspelt_keys() const;

private:
    const Json* object_;
    std::string pointer_;
    JsonProblems* problems_;
    std::vector<std::string> known_keys_;
};

} // namespace openset::io
