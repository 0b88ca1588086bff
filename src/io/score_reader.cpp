#include "openset/io/score_reader.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <istream>
#include <memory>

#include "io/checked_json.hpp"
#include "io/csv.hpp"
#include "io/record_stream.hpp"
#include "openset/base/error.hpp"
#include "openset/base/missing_file.hpp"
#include "openset/base/spelling.hpp"
#include "openset/io/row_reader.hpp"

namespace openset::io {
namespace {

constexpr std::size_t max_record_bytes = RowReader::max_record_bytes;
const std::vector<std::string> first_columns = {"path", "label", "predicted", "confidence"};
constexpr std::string_view score_file = "scores, as openset score writes them";

/// A number as score files spell it; none for any other text, and for NaN.
std::optional<double> number_in(std::string_view field) {
    double number = 0;
    const auto [end, code] = std::from_chars(field.data(), field.data() + field.size(), number);
    if (code != std::errc() || end != field.data() + field.size() || std::isnan(number)) return std::nullopt;
    return number;
}

/// Records of a score file, one by one, each with as many fields as the header.
class ScoreRecords {
public:
    explicit ScoreRecords(const std::filesystem::path& file)
        : name_(file.string()), owned_(open(file)), stream_(*owned_) {
        if (!take()) refuse("is empty, expected " + std::string(score_file));
        columns_.assign(csv_.fields().begin(), csv_.fields().end());
        // Spreadsheets begin a file with a mark of its encoding.
        if (columns_.front().starts_with("\xEF\xBB\xBF")) columns_.front().erase(0, 3);
        if (columns_.size() <= first_columns.size() ||
            !std::equal(first_columns.begin(), first_columns.end(), columns_.begin())) {
            throw Error(ErrorKind::corrupt,
                        name_ + ": begins with " + in_quotes(record_.substr(0, 60)) +
                            ", expected path,label,predicted,confidence and score columns with commas "
                            "between them, as openset score writes them");
        }
    }

    const std::vector<std::string>& columns() const { return columns_; }
    const std::vector<std::string_view>& fields() const { return csv_.fields(); }

    bool next() {
        if (!take()) return false;
        if (fields().size() != columns_.size()) {
            refuse("found " + std::to_string(fields().size()) + " fields, expected " + std::to_string(columns_.size()) +
                   " as in the header");
        }
        return true;
    }

    double number(std::size_t column) const {
        if (const auto number = number_in(fields()[column])) return *number;
        refuse(columns_[column] + ": found " + in_quotes(fields()[column]) + ", expected a number, inf or -inf");
    }

    [[noreturn]] void refuse(const std::string& what) const {
        throw Error(ErrorKind::corrupt, name_ + ": line " + std::to_string(line_) + ": " + what);
    }

private:
    static std::unique_ptr<std::istream> open(const std::filesystem::path& file) {
        std::error_code ignored; // opening says why
        if (std::filesystem::status(file, ignored).type() == std::filesystem::file_type::not_found)
            throw Error(ErrorKind::not_found, file.string() + ": " + no_such_file(file, std::string(score_file)));
        return open_records(file, std::string(score_file));
    }

    bool take() {
        line_ += static_cast<std::int64_t>(std::ranges::count(record_, '\n'));
        try {
            // Other writers may leave out the last line end.
            if (!stream_.take(RecordStream::Kind::csv, record_, max_record_bytes) && record_.empty()) return false;
        } catch (const Error& error) {
            throw Error(error.kind(), name_ + ": line " + std::to_string(line_) + ": " + error.what());
        }
        const std::string problem = csv_.split(record_);
        if (!problem.empty()) refuse(problem);
        return true;
    }

    std::string name_;
    std::unique_ptr<std::istream> owned_;
    RecordStream stream_;
    std::string record_;
    CsvFields csv_;
    std::vector<std::string> columns_;
    std::int64_t line_ = 1; ///< of the record
};

bool is_score_column(const std::string& name) { return !name.starts_with("p:") && !name.starts_with("w:"); }

std::vector<std::string> score_columns_of(const std::vector<std::string>& columns) {
    std::vector<std::string> names;
    std::copy_if(columns.begin() + static_cast<std::ptrdiff_t>(first_columns.size()), columns.end(),
                 std::back_inserter(names), is_score_column);
    return names;
}

/// The columns whose names begin so.
std::vector<std::size_t> columns_with(const std::vector<std::string>& columns, std::string_view prefix) {
    std::vector<std::size_t> found;
    for (std::size_t i = first_columns.size(); i < columns.size(); ++i)
        if (columns[i].starts_with(prefix)) found.push_back(i);
    return found;
}

std::size_t column_of(const std::vector<std::string>& columns, const std::string& method, const std::string& file) {
    const auto begin = columns.begin() + static_cast<std::ptrdiff_t>(first_columns.size());
    const auto found = std::find(begin, columns.end(), method);
    if (found != columns.end()) return static_cast<std::size_t>(found - columns.begin());
    const std::vector<std::string> names = score_columns_of(columns);
    std::string all;
    for (const std::string& name : names) all += (all.empty() ? "" : ", ") + name;
    throw Error(ErrorKind::usage, file + ": has no column " + in_quotes(method) +
                                      ", expected one of its scores: " + all + did_you_mean(method, names));
}

/// Which of the file's columns go where.
struct Layout {
    std::vector<std::size_t> scores, w, p;

    Layout(const std::vector<std::string>& columns, const WantedScores& wanted, const std::string& file) {
        for (const std::string& method : wanted.methods) scores.push_back(column_of(columns, method, file));
        if (wanted.w_scores) w = columns_with(columns, "w:");
        if (wanted.argmax_unknown) p = columns_with(columns, "p:");
        if (!p.empty() && (p.size() < 2 || columns[p.back()] != "p:unknown"))
            throw Error(ErrorKind::corrupt,
                        file + ": found columns of probabilities, expected p:unknown as the last of them");
    }
};

void read_row(const ScoreRecords& records, const Layout& layout, bool with_confidence, LabelNames& labels,
              ScoreTable& table) {
    const auto label = [&](std::size_t column) {
        const std::string_view name = records.fields()[column];
        return name.empty() ? -1 : labels.number(name);
    };
    table.label.push_back(label(1));
    table.predicted.push_back(label(2));
    if (with_confidence) table.confidence.push_back(records.number(3));
    for (std::size_t i = 0; i < layout.scores.size(); ++i) table.scores[i].push_back(records.number(layout.scores[i]));
    for (const std::size_t column : layout.w) table.w.push_back(records.number(column));
    if (layout.p.empty()) return;
    double largest_known = 0;
    for (std::size_t i = 0; i + 1 < layout.p.size(); ++i)
        largest_known = std::max(largest_known, records.number(layout.p[i]));
    table.argmax_unknown.push_back(records.number(layout.p.back()) > largest_known ? 1 : 0);
}

/// What of a row of `infer` gives the score of a stage.
class StageScore {
public:
    StageScore(const WantedStage& wanted, std::string file) : wanted_(wanted), file_(std::move(file)) {
        const std::vector<std::string> methods = methods_of(wanted.stage);
        if (method_.empty()) method_ = wanted.method.empty() && !methods.empty() ? methods.front() : wanted.method;
        if (!methods.empty() && std::ranges::find(methods, method_) == methods.end()) {
            throw Error(ErrorKind::usage, "--method " + method_ + ": is no score of the stage " +
                                              std::string(to_string(wanted.stage)) + ", expected " + methods.front() +
                                              (methods.size() > 1 ? " or " + methods.back() : ""));
        }
    }

    const std::string& method() const { return method_; }

    void want(RowReader& reader) const {
        switch (wanted_.stage) {
        case Stage::gate: return reader.want({"gate." + method_}, {"classifier.label"});
        case Stage::species:
            return reader.want({"species.probability", "species.id"}, {"classifier.label", "species.label"});
        case Stage::classifier:
        case Stage::unknown:
            return reader.want({"unknown.score"}, {"classifier.label", "unknown.method"}, {"unknown.pass"});
        }
    }

    /// None where the row did not reach the stage.
    std::optional<double> score(const RowRecord& row) {
        if (!row.numbers[0]) return std::nullopt;
        const double figure = *row.numbers[0];
        switch (wanted_.stage) {
        case Stage::gate: return method_ == "rank" ? figure : 1 - figure;
        case Stage::species: return species_score(row, figure);
        case Stage::classifier:
        case Stage::unknown: check_method(row); return figure;
        }
        return std::nullopt;
    }

private:
    static std::vector<std::string> methods_of(Stage stage) {
        switch (stage) {
        case Stage::gate: return {"mass", "rank"};
        case Stage::species: return {"mass"};
        case Stage::classifier:
        case Stage::unknown: return {};
        }
        return {};
    }

    /// Of two labels the likeliest has at least half; what it has not, the other has.
    double species_score(const RowRecord& row, double probability) const {
        const int id = static_cast<int>(row.numbers[1].value_or(-1));
        if (id < 0 || id > 1 || probability < 0.5 || !row.texts[1]) {
            throw Error(ErrorKind::usage, file_ + ": " + row.path +
                                              ": the species filter has more than two labels, whose accepted mass " +
                                              "rows do not tell; expected a filter with two labels");
        }
        return wanted_.accepts(id, *row.texts[1]) ? 1 - probability : probability;
    }

    void check_method(const RowRecord& row) {
        const std::string method = row.texts[1].value_or("");
        if (method_.empty()) method_ = method;
        if (method == method_) return;
        throw Error(ErrorKind::usage, file_ + ": " + row.path + ": has scores of the method " + in_quotes(method) +
                                          ", expected " + in_quotes(method_) + " as --method or earlier rows say");
    }

    const WantedStage& wanted_;
    std::string file_, method_;
};

/// The name of the folder that a picture lies in.
std::string_view folder_of(std::string_view path) {
    const auto end = path.rfind('/');
    if (end == std::string_view::npos) return {};
    path = path.substr(0, end);
    return path.substr(path.rfind('/') + 1); // npos + 1 is the beginning
}

/// The true labels of rows: folders that some row names as a label.
void settle_labels(const std::vector<std::int32_t>& folders, const LabelNames& folder_names, const LabelNames& labels,
                   ScoreTable& table) {
    std::vector<std::int32_t> of_folder;
    for (const std::string& name : folder_names.names()) of_folder.push_back(labels.find(name).value_or(-1));
    for (const std::int32_t folder : folders) table.label.push_back(of_folder[static_cast<std::size_t>(folder)]);
}

} // namespace

std::int32_t LabelNames::number(std::string_view name) {
    if (const auto found = numbers_.find(name); found != numbers_.end()) return found->second;
    const auto number = static_cast<std::int32_t>(names_.size());
    names_.emplace_back(name);
    numbers_.emplace(name, number);
    return number;
}

std::optional<std::int32_t> LabelNames::find(std::string_view name) const {
    const auto found = numbers_.find(name);
    return found != numbers_.end() ? std::optional(found->second) : std::nullopt;
}

std::vector<std::string> score_columns(const std::filesystem::path& file) {
    return score_columns_of(ScoreRecords(file).columns());
}

ScoreTable read_scores(const std::filesystem::path& file, const WantedScores& wanted, LabelNames& labels) {
    ScoreRecords records(file);
    const Layout layout(records.columns(), wanted, file.string());
    ScoreTable table;
    table.file = file.string();
    table.methods = wanted.methods;
    table.scores.resize(wanted.methods.size());
    for (const std::size_t column : layout.w)
        table.w_labels.push_back(labels.number(std::string_view(records.columns()[column]).substr(2)));
    for (; records.next(); ++table.rows) {
        read_row(records, layout, wanted.confidence, labels, table);
        if (wanted.paths) table.paths.emplace_back(records.fields()[0]);
    }
    return table;
}

ScoreTable read_stage_scores(const std::filesystem::path& rows, const WantedStage& wanted, LabelNames& labels) {
    StageScore stage(wanted, rows.string());
    RowReader reader(rows);
    stage.want(reader);
    ScoreTable table;
    table.file = rows.string();
    table.scores.resize(1);
    LabelNames folder_names;
    std::vector<std::int32_t> folders;
    while (const auto row = reader.next()) {
        if (row->texts[0]) labels.number(*row->texts[0]);
        if (row->outcome == Outcome::failed) {
            ++table.failed;
            continue;
        }
        const auto score = stage.score(*row);
        if (!score) {
            ++table.unreached;
            continue;
        }
        table.scores[0].push_back(*score);
        table.predicted.push_back(row->texts[0] ? labels.number(*row->texts[0]) : -1);
        folders.push_back(folder_names.number(folder_of(row->path)));
        if (wanted.paths) table.paths.push_back(row->path);
        if (!row->flags.empty() && row->flags[0]) table.rejected.push_back(*row->flags[0] ? 0 : 1);
    }
    table.rows = static_cast<std::int64_t>(table.predicted.size());
    if (std::ssize(table.rejected) != table.rows) table.rejected.clear();
    if (table.rows == 0 && table.unreached > 0) {
        throw Error(ErrorKind::usage, rows.string() + ": no row has figures of the stage " +
                                          std::string(to_string(wanted.stage)) +
                                          ", expected rows of a pipeline that has it");
    }
    settle_labels(folders, folder_names, labels, table);
    table.methods = {stage.method()};
    return table;
}

} // namespace openset::io
