#include "openset/torch/logistic_regression.hpp"

#include <algorithm>
#include <atomic>
#include <exception>
#include <mutex>
#include <thread>
#include <torch/optim/lbfgs.h>
#include <torch/torch.h>
#include <utility>

#include "openset/base/error.hpp"
#include "torch/guarded.hpp"

namespace openset::torch {
namespace {

constexpr auto what = "fitting the head";
/// Nearer to the minimum a head that only judges would not judge otherwise.
constexpr double judging_tolerance = 1e-4;
/// So many weaker l2 in a row without a smaller loss end the search: the loss over ln l2 has one valley.
constexpr std::size_t enough_worse = 2;

/// The rows as LibTorch's tensors.
struct Tensors {
    at::Tensor features; ///< [rows, columns] double
    at::Tensor labels;   ///< [rows]
    at::Tensor weights;  ///< [rows], of sum 1
};

at::Tensor from_span(std::span<const std::int64_t> values) {
    return at::from_blob(const_cast<std::int64_t*>(values.data()), {std::ssize(values)}, at::kLong).clone();
}

at::Tensor from_vector(const std::vector<double>& values, at::IntArrayRef shape) {
    return at::from_blob(const_cast<double*>(values.data()), shape, at::kDouble).clone();
}

std::vector<double> to_vector(const at::Tensor& tensor) {
    const at::Tensor flat = tensor.detach().contiguous();
    return {flat.data_ptr<double>(), flat.data_ptr<double>() + flat.numel()};
}

/// Unweighted, one a row.
at::Tensor losses_of(const at::Tensor& logits, const at::Tensor& labels, model::Activation activation) {
    if (activation == model::Activation::softmax)
        return -at::log_softmax(logits, 1).gather(1, labels.unsqueeze(1)).squeeze(1);
    const at::Tensor truth = at::zeros_like(logits).scatter_(1, labels.unsqueeze(1), 1.0);
    return at::binary_cross_entropy_with_logits(logits, truth, {}, {}, at::Reduction::None).sum(1);
}

/// No number lies between the last two: rounding has the last word.
bool stands_still(const std::vector<double>& losses) {
    return losses.size() > 1 && losses.back() >= losses[losses.size() - 2];
}

bool is_cancelled(const LogisticRegression& problem) {
    return problem.cancellation != nullptr && problem.cancellation->requested();
}

FittedHead minimise(const Tensors& rows, int classes, const LogisticRegression& problem, const FittedHead* start) {
    const std::int64_t columns = rows.features.size(1);
    at::Tensor weight =
        start != nullptr ? from_vector(start->weight, {classes, columns}) : at::zeros({classes, columns}, at::kDouble);
    at::Tensor bias = start != nullptr ? from_vector(start->bias, {classes}) : at::zeros({classes}, at::kDouble);
    weight.set_requires_grad(true);
    bias.set_requires_grad(true);

    FittedHead fitted;
    ::torch::optim::LBFGS optimiser({weight, bias}, ::torch::optim::LBFGSOptions(1.0)
                                                        .max_iter(1)
                                                        .max_eval(25)
                                                        .tolerance_grad(0)
                                                        .tolerance_change(0)
                                                        .history_size(20)
                                                        .line_search_fn("strong_wolfe"));
    // What the optimiser asks first in each step is where it stands; further points are those of its line search.
    bool stands_here = true;
    const auto objective = [&] {
        optimiser.zero_grad();
        at::Tensor loss =
            (losses_of(at::linear(rows.features, weight, bias), rows.labels, problem.activation) * rows.weights).sum() +
            weight.square().sum() * (problem.l2 / 2);
        loss.backward();
        if (std::exchange(stands_here, false)) {
            fitted.losses.push_back(loss.item<double>());
            fitted.gradient =
                std::max(weight.grad().abs().max().item<double>(), bias.grad().abs().max().item<double>());
        }
        return loss;
    };
    do {
        stands_here = true;
        optimiser.step(objective);
        fitted.converged = fitted.gradient <= problem.tolerance;
    } while (!is_cancelled(problem) && !fitted.converged && std::ssize(fitted.losses) <= problem.max_iterations &&
             !stands_still(fitted.losses));
    stands_here = true; // the last step went on from there, and down
    objective();
    fitted.weight = to_vector(weight);
    fitted.bias = to_vector(bias);
    return fitted;
}

void check(const LabelledFeatures& rows, const LogisticRegression& problem) {
    const bool fits = rows.columns > 0 && rows.rows() > 0 && rows.classes > 1 &&
                      std::ssize(rows.features) == rows.rows() * rows.columns &&
                      (problem.row_weights.empty() || std::ssize(problem.row_weights) == rows.rows()) && problem.l2 > 0;
    if (!fits) throw Error(ErrorKind::internal, "rows, labels and weights of a head do not fit each other");
}

/// The chosen rows.
Tensors tensors_of(const LabelledFeatures& rows, const LogisticRegression& problem,
                   std::span<const std::int64_t> chosen) {
    const at::Tensor all = at::from_blob(const_cast<float*>(rows.features.data()), {rows.rows(), rows.columns});
    const at::Tensor index = from_span(chosen);
    Tensors tensors{all.index_select(0, index).to(at::kDouble), from_span(rows.labels).index_select(0, index), {}};
    const at::Tensor weights = problem.row_weights.empty() ? at::ones({rows.rows()}, at::kDouble)
                                                           : from_vector(problem.row_weights, {rows.rows()});
    tensors.weights = weights.index_select(0, index);
    tensors.weights = tensors.weights / tensors.weights.sum();
    return tensors;
}

/// The rows that learn and those that are judged while one fold is left out, and the head that is fitted meanwhile.
struct Fold {
    std::vector<std::int64_t> learning, judged; ///< rows
    Tensors judging;                            ///< the judged ones
    double weight = 0;                          ///< of them all
    FittedHead fitted;
    at::Tensor logits; ///< [judged, classes]
};

Fold leave_out(const LabelledFeatures& rows, const LogisticRegression& problem, std::span<const std::int64_t> picture,
               std::span<const int> fold, int which) {
    Fold left_out;
    std::int64_t before = -1;
    for (std::int64_t row = 0; row < rows.rows(); ++row) {
        const std::int64_t of = picture[static_cast<std::size_t>(row)];
        if (fold[static_cast<std::size_t>(of)] != which) {
            left_out.learning.push_back(row);
        } else if (of != before) {
            left_out.judged.push_back(row);
            left_out.weight += problem.row_weights.empty() ? 1 : problem.row_weights[static_cast<std::size_t>(row)];
        }
        before = of;
    }
    left_out.judging = tensors_of(rows, problem, left_out.judged);
    return left_out;
}

/// Fits from where the fold's last fit ended, and judges. The rows that learn, in double, are there meanwhile only: those of
/// all folds at once would be the features many times over.
void fit_and_judge(Fold& fold, const LabelledFeatures& rows, const LogisticRegression& problem) {
    fold.fitted = minimise(tensors_of(rows, problem, fold.learning), rows.classes, problem,
                           fold.fitted.weight.empty() ? nullptr : &fold.fitted);
    const ::torch::NoGradGuard no_gradients;
    fold.logits = at::linear(fold.judging.features, from_vector(fold.fitted.weight, {rows.classes, rows.columns}),
                             from_vector(fold.fitted.bias, {rows.classes}));
}

L2Trial judge(const std::vector<Fold>& folds, const LogisticRegression& problem) {
    double loss = 0, weight = 0, right = 0, pictures = 0;
    for (const Fold& fold : folds) {
        const at::Tensor losses = losses_of(fold.logits, fold.judging.labels, problem.activation);
        loss += (losses * fold.judging.weights).sum().item<double>() * fold.weight;
        weight += fold.weight;
        right += fold.logits.argmax(1).eq(fold.judging.labels).sum().item<double>();
        pictures += static_cast<double>(fold.judged.size());
    }
    return {problem.l2, loss / weight, right / pictures};
}

/// Each picture's logits by the head that has not seen it.
void keep_logits(std::vector<float>& kept, const std::vector<Fold>& folds, std::span<const std::int64_t> picture,
                 int classes) {
    for (const Fold& fold : folds) {
        const at::Tensor logits = fold.logits.to(at::kFloat).contiguous();
        for (std::size_t i = 0; i < fold.judged.size(); ++i) {
            const std::int64_t place = picture[static_cast<std::size_t>(fold.judged[i])];
            std::copy_n(logits.data_ptr<float>() + i * static_cast<std::size_t>(classes), classes,
                        kept.begin() + place * classes);
        }
    }
}

/// Calls work(0) ... work(count - 1) on several threads, each with one thread of LibTorch. Rethrows the first exception.
template <typename Work>
void in_parallel(int count, int threads, Work work) {
    std::atomic<int> next = 0;
    std::exception_ptr problem;
    std::mutex mutex;
    const auto run = [&] {
        at::set_num_threads(1);
        for (int i = next++; i < count; i = next++) {
            try {
                work(i);
            } catch (...) {
                const std::lock_guard lock(mutex);
                if (!problem) problem = std::current_exception();
                return;
            }
        }
    };
    std::vector<std::jthread> workers;
    for (int i = 0; i < std::min(threads, count); ++i) workers.emplace_back(run);
    workers.clear();
    if (problem) std::rethrow_exception(problem);
}

} // namespace

model::Head FittedHead::head() const {
    const std::vector<float> rounded_weight(weight.begin(), weight.end()), rounded_bias(bias.begin(), bias.end());
    return {static_cast<int>(bias.size()), static_cast<int>(weight.size() / bias.size()), rounded_weight, rounded_bias};
}

FittedHead fit_head(const LabelledFeatures& rows, const LogisticRegression& problem, const FittedHead* start) {
    check(rows, problem);
    return guarded(what, [&] {
        std::vector<std::int64_t> all(rows.labels.size());
        for (std::size_t i = 0; i < all.size(); ++i) all[i] = static_cast<std::int64_t>(i);
        FittedHead fitted;
        in_parallel(1, 1,
                    [&](int) { fitted = minimise(tensors_of(rows, problem, all), rows.classes, problem, start); });
        return fitted;
    });
}

L2Choice choose_l2(const LabelledFeatures& rows, LogisticRegression problem, std::span<const std::int64_t> picture,
                   std::span<const int> fold, std::span<const double> l2, int threads) {
    check(rows, problem);
    problem.tolerance = std::max(problem.tolerance, judging_tolerance);
    return guarded(what, [&] {
        std::vector<Fold> folds;
        for (int which = 0; which <= *std::ranges::max_element(fold); ++which) {
            Fold left_out = leave_out(rows, problem, picture, fold, which);
            if (!left_out.judged.empty()) folds.push_back(std::move(left_out));
        }
        L2Choice choice;
        choice.logits.resize(fold.size() * static_cast<std::size_t>(rows.classes));
        for (std::size_t i = 0; i < l2.size() && i <= choice.best + enough_worse; ++i) {
            problem.l2 = l2[i];
            in_parallel(static_cast<int>(folds.size()), threads,
                        [&](int which) { fit_and_judge(folds[static_cast<std::size_t>(which)], rows, problem); });
            choice.trials.push_back(judge(folds, problem));
            if (i > 0 && choice.trials[i].loss >= choice.trials[choice.best].loss) continue;
            choice.best = i;
            keep_logits(choice.logits, folds, picture, rows.classes);
        }
        return choice;
    });
}

} // namespace openset::torch
