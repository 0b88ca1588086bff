#include <algorithm>
#include <cmath>

#include "detect/linear_head.hpp"
#include "detect/method_files.hpp"
#include "detect/training_walk.hpp"
#include "openset/io/number_text.hpp"
#include "openset/stats/activation.hpp"
#include "stats/row_products.hpp"
#include "stats/symmetric_eigen.hpp"

// What of the features lies outside the principal space of the training features: R'(f - o), o = -W^+ b the point where the
// head says nothing, R the eigenvectors of the mean of (f - o)(f - o)' beyond the first dim.
//
//   vim       alpha |R'(f - o)| - LSE(v), alpha such that the first term is as large as the largest logits on average. Wang
//             et al. 2022, ViM: Out-of-Distribution with Virtual-logit Matching (CVPR); dim 256 as in OpenOOD's vim.yml
//   residual  |R'(f - o)| alone, as in the same paper; dim 512
//
// A default dim that is not below the number of features is replaced by half of them.
namespace openset::detect {
namespace {

constexpr const char* vim_name = "vim";
constexpr const char* residual_name = "residual";

std::int64_t usual_dim(std::string_view method) { return method == vim_name ? 256 : 512; }

std::vector<Parameter> parameters(std::string_view method) {
    const std::string usual = std::to_string(usual_dim(method));
    return {{"dim", "auto|N", "auto",
             "dimensions of the principal space, below the number of features; auto: " + usual +
                 ", or half of the features where they are no more than that",
             method == vim_name ? "OpenOOD vim.yml; half: pytorch-ood" : "Wang et al. 2022; half: pytorch-ood"}};
}

class Residual final : public FittedDetector {
public:
    explicit Residual(const io::FittedFile& fitted)
        : FittedDetector(fitted, FittedState(fitted).array("origin", FittedState::any).shape[0]),
          origin_(file().arrays.at("origin").values) {
        const ParameterValues values(fitted, parameters(fitted.method));
        const FittedState state(file());
        const io::FittedArray& space = state.array("residual_space", needs().features, FittedState::any);
        space_ = stats::PackedMatrix(space.values, features(), static_cast<std::size_t>(space.shape[1]));
        if (fitted.method == vim_name) alpha_ = state.number("alpha");
    }

    void score(const io::Activations& activations, std::span<double> scores) const override {
        residuals(activations.features, scores);
        if (method() != vim_name) return;
        for (std::size_t i = 0; i < scores.size(); ++i) {
            const auto logits = activations.logits.row(static_cast<std::int64_t>(i));
            scores[i] = alpha_ * scores[i] - stats::log_sum_exp(std::vector<double>(logits.begin(), logits.end()));
        }
    }

    /// |R'(f - o)| of each row.
    void residuals(const io::FloatRows& rows, std::span<double> lengths) const {
        stats::for_row_blocks(lengths.size(), [&](std::size_t first, std::size_t count) {
            std::vector<double> moved(count * features()), outside(count * space_.columns());
            for (std::size_t i = 0; i < count; ++i) {
                const auto row = std::span(moved).subspan(i * features(), features());
                std::ranges::copy(rows.row(static_cast<std::int64_t>(first + i)), row.begin());
                for (std::size_t j = 0; j < row.size(); ++j) row[j] -= origin_[j];
            }
            space_.multiply(moved, count, {}, outside);
            for (std::size_t i = 0; i < count; ++i) {
                double squares = 0;
                for (const double value : std::span(outside).subspan(i * space_.columns(), space_.columns()))
                    squares += value * value;
                lengths[first + i] = std::sqrt(squares);
            }
        });
    }

private:
    std::span<const double> origin_; ///< [features]
    stats::PackedMatrix space_;      ///< [features, features - dim]
    double alpha_ = 0;
};

/// W^+ b with a minus in front, [features]: W^+ = W'(W W')^+, singular values below 1e-3 of the largest left out.
std::vector<double> origin_of(const TrainingFacts& facts, io::FittedFile& file) {
    const auto classes = static_cast<std::size_t>(facts.classes), features = static_cast<std::size_t>(facts.features);
    std::vector<double> transposed(features * classes), squares(classes * classes); // [features, classes]
    for (std::size_t c = 0; c < classes; ++c) {
        const auto row = facts.head_weight.row(static_cast<std::int64_t>(c));
        for (std::size_t j = 0; j < features; ++j) transposed[j * classes + c] = static_cast<double>(row[j]);
    }
    stats::add_squares(transposed, features, classes, squares);
    stats::mirror_upper_triangle(squares, classes);
    const stats::SymmetricEigen eigen = stats::symmetric_eigen(squares, classes);
    std::vector<double> solved(classes); // (W W')^+ b
    for (std::size_t i = 0; i < eigen.rank(); ++i) {
        const auto vector = eigen.vector(i);
        double along = 0;
        for (std::size_t c = 0; c < classes; ++c) along += vector[c] * static_cast<double>(facts.head_bias[c]);
        for (std::size_t c = 0; c < classes; ++c) solved[c] += vector[c] * (along / eigen.values[i]);
    }
    std::vector<double> origin(features);
    for (std::size_t j = 0; j < features; ++j) {
        for (std::size_t c = 0; c < classes; ++c) origin[j] -= transposed[j * classes + c] * solved[c];
    }
    add_diagnostic(file, "head_rank", eigen.rank());
    return origin;
}

/// The dimensions of the principal space for these rows.
std::size_t dim_for(const TrainingFacts& facts, const ParameterValues& values, io::FittedFile& file) {
    if (facts.features < 2) {
        throw Error(ErrorKind::usage,
                    facts.name + ": found 1 feature, expected at least 2: " + file.method + " divides their space");
    }
    const std::int64_t usual = usual_dim(file.method), largest = facts.features - 1;
    if (values.is_auto("dim")) {
        if (usual <= largest) return static_cast<std::size_t>(usual);
        add_warning(file, "dim is " + std::to_string(facts.features / 2) + ", half of the features: " +
                              std::to_string(usual) + ", its usual value, is not below their number");
        return static_cast<std::size_t>(facts.features / 2);
    }
    const std::int64_t dim = values.whole("dim", 1);
    if (dim > largest) {
        throw Error(ErrorKind::usage, facts.name + ": dim: found " + std::to_string(dim) + ", expected at most " +
                                          std::to_string(largest) + ", for there are " + std::to_string(facts.features) +
                                          " features");
    }
    return static_cast<std::size_t>(dim);
}

/// R, [features, features - dim].
io::FittedArray residual_space(const stats::SymmetricEigen& eigen, std::size_t dim) {
    const std::size_t columns = eigen.size - dim;
    std::vector<double> values(eigen.size * columns);
    for (std::size_t j = 0; j < columns; ++j) {
        const auto vector = eigen.vector(dim + j);
        for (std::size_t i = 0; i < eigen.size; ++i) values[i * columns + j] = vector[i];
    }
    return {{std::ssize(eigen.values), static_cast<std::int64_t>(columns)}, std::move(values)};
}

/// The mean of the largest logits by the mean residual.
double alpha_of(const TrainingRows& rows, const io::FittedFile& file) {
    io::FittedFile with_any_alpha = file;
    with_any_alpha.state_json = R"({"alpha": 0})";
    const Residual residual(with_any_alpha);
    double logits = 0, lengths = 0;
    std::vector<double> of_block;
    rows.for_each_block([&](std::int64_t, const io::Activations& block) {
        of_block.resize(static_cast<std::size_t>(block.rows));
        residual.residuals(block.features, of_block);
        for (std::int64_t i = 0; i < block.rows; ++i) {
            logits += static_cast<double>(std::ranges::max(block.logits.row(i)));
            lengths += of_block[static_cast<std::size_t>(i)];
        }
    });
    if (lengths == 0) {
        throw Error(ErrorKind::usage, rows.name +
                                          ": no feature lies outside the principal space, expected some that do; "
                                          "fit with a smaller --set dim=N");
    }
    if (!(logits > 0)) {
        throw Error(ErrorKind::usage, rows.name + ": the largest logits are " + io::shortest(logits / static_cast<double>(rows.rows())) +
                                          " on average, expected more than 0: vim weighs what lies outside by them");
    }
    return logits / lengths;
}

template <const char* const& name>
std::unique_ptr<Detector> fit(const TrainingData& data, const Parameters& typed) {
    const TrainingFacts& facts = data.facts();
    const ParameterValues values(name, parameters(name), typed);
    io::FittedFile file = begin_fitted(name, facts, values);
    std::size_t dim = dim_for(facts, values, file);
    LinearHead::check(file, data);
    const std::vector<double> origin = origin_of(facts, file);
    const stats::SymmetricEigen& eigen = data.eigen_about(origin, FeatureScale::as_they_are);
    const std::string spanned = std::to_string(eigen.rank()) + " dimensions that the rows' features span";
    if (eigen.rank() <= dim && std::string_view(name) == residual_name) {
        add_warning(file, "no row lies outside of dim " + std::to_string(dim) + ", for it is not below the " + spanned);
    } else if (eigen.rank() <= dim) {
        // Outside is rounding alone, which alpha would blow up.
        if (!values.is_auto("dim") || eigen.rank() < 2) {
            throw Error(ErrorKind::usage, facts.name + ": dim: found " + std::to_string(dim) +
                                              ", expected less than the " + spanned +
                                              "; fit on more rows or set a smaller one");
        }
        add_warning(file, "dim is " + std::to_string(eigen.rank() / 2) + ", half of the " + spanned + ": " +
                              std::to_string(dim) + " would leave nothing outside");
        dim = eigen.rank() / 2;
    }
    file.arrays["origin"] = {{facts.features}, origin};
    file.arrays["residual_space"] = residual_space(eigen, dim);
    add_diagnostic(file, "dim", dim);
    add_diagnostic(file, "rank", eigen.rank());
    add_diagnostic(file, "eigenvalues_at_dim", {eigen.values[dim - 1], eigen.values[dim]});
    if (std::string_view(name) == vim_name) file.state_json = io::Json{{"alpha", alpha_of(*data.rows(), file)}}.dump();
    return load_as<Residual>(file);
}

template <const char* const& name>
Method method_of(const std::string& summary, const std::string& formula) {
    return {.name = name,
            .summary = summary,
            .formula = formula,
            .needs = {.features = true, .head = true, .rows = std::string_view(name) == vim_name},
            .parameters = parameters(name),
            .make = nullptr,
            .fit = fit<name>,
            .load = load_as<Residual>};
}

} // namespace

Method method::vim() {
    return method_of<vim_name>("features outside the principal space, as one more logit (Wang et al. 2022)",
                               "alpha |R'(f - o)| - LSE(v)");
}

Method method::residual() {
    return method_of<residual_name>("features outside the principal space (Wang et al. 2022)", "|R'(f - o)|");
}

} // namespace openset::detect
