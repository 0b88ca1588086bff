#pragma once

#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "openset/io/score_reader.hpp"
#include "openset/io/score_run.hpp"
#include "openset/stats/metrics.hpp"

namespace openset::scores {

/// A file on the command line: `[NAME=]FILE`.
struct NamedFile {
    std::string name; ///< the file's name without its ending where none is given
    std::filesystem::path path;
};

NamedFile named_file(const std::string& text);

struct Request {
    NamedFile known;
    std::vector<NamedFile> unknown;
    std::vector<std::string> methods; ///< empty: every score column of the known file
    std::string stage;                ///< as --stage says; empty: none was given
    bool details = false;             ///< confidence, W-scores and arg-max too, where files have them
    bool paths = false;               ///< of the pictures
    /// Rows of infer without an unknown file: the true class of the picture with this path, none where it is not told. The
    /// rows then are parted into known ones, whose class is one of the labels, and unknown ones; those whose class is not
    /// told are left out.
    std::function<std::optional<std::string>(const std::string& path)> truth{};
    std::vector<std::string> labels{}; ///< of rows of infer: what the classifier knows beside those that the rows name
};

/// What made a column, as the run record beside the file says; empty where it does not.
struct Origin {
    std::string method; ///< the method's own name; the column's where nothing is known
    std::string fitted_sha256, fitted_on, network_sha256;
    std::string accept; ///< gate and species: the labels that passed, as in io::OperatingPoint
};

struct Side {
    NamedFile file;
    io::ScoreTable table;
    std::string store, store_identity, model_sha256; ///< as the record says; empty: not told
    std::vector<Origin> origins;                     ///< [methods]
    std::size_t trained_classes = 0; ///< labels of the network; without a record, those that the file names
    bool has_record = false;
    bool fitted_rows = false; ///< a detector of the file was fitted on these very rows

    bool has_predictions() const; ///< every row has one
};

struct Inputs {
    io::LabelNames labels;
    io::Stage stage = io::Stage::unknown;
    bool from_rows = false; ///< rows of infer, not scores
    Side known;
    std::vector<Side> unknown;

    const std::vector<std::string>& methods() const { return known.table.methods; }
    std::size_t trained_classes = 0; ///< the first of the labels: those of the network, as far as files tell them
    bool has_labels = false;         ///< every known row has one
};

/// One stage's scores from rows of infer, and what made them as the record beside says. What is left out is counted in
/// the table and not told.
/// method  as io::WantedStage
/// Throws as io::read_stage_scores(); Error(usage) where the species filter's accepted labels are not told.
Side read_stage(const NamedFile& file, const std::string& method, io::Stage stage, bool paths, io::LabelNames& labels);

/// Reads the files, and says on the log what is missing or doubtful: no labels, calibration on the fitting rows...
/// Throws as io::read_scores() and io::read_stage_scores(); Error(usage) where files are of different fits or networks.
Inputs read_inputs(const Request& request);

/// The same once the sides are there: what they lack and what is doubtful is said, sides of different networks are refused.
/// labels  whose first are the network's
Inputs held_together(io::LabelNames labels, Side known, std::vector<Side> unknown);

/// The only score column of the file, or the one that was asked for. Throws Error(usage) where there are more.
std::string the_one_method(const std::filesystem::path& file, const std::string& asked);

/// Whether the file holds rows of infer.
bool holds_rows(const std::filesystem::path& file);

/// One method's rows against some of the unknown files; owns what it pools.
class Contest {
public:
    /// unknown  indices into Inputs::unknown; their rows are pooled. The inputs must outlive this.
    Contest(const Inputs& inputs, std::size_t method, const std::vector<std::size_t>& unknown);
    Contest(const Contest&) = delete;
    Contest& operator=(const Contest&) = delete;

    const stats::OpenSetRows& rows() const { return rows_; }

private:
    std::vector<double> scores_;
    std::vector<std::int32_t> predicted_;
    std::vector<std::uint8_t> rejected_;
    stats::OpenSetRows rows_;
};

} // namespace openset::scores
