#include "openset/torch/logistic_regression.hpp"

#include <algorithm>
#include <atomic>
#include <exception>
#include <mutex>
#include <thread>
#include <torch/optim/lbfgs.h>
#include <torch/torch.h>

#include "openset/base/error.hpp"
#include "torch/guarded.hpp"

namespace openset::torch {
namespace {

constexpr auto what = "fitting the head";

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
    const auto objective = [&] {
        optimiser.zero_grad();
        at::Tensor loss =
            (losses_of(at::linear(rows.features, weight, bias), rows.labels, problem.activation) * rows.weights).sum() +
            weight.square().sum() * (problem.l2 / 2);
        loss.backward();
        return loss;
    };
    const auto largest_gradient = [&] {
        return std::max(weight.grad().abs().max().item<double>(), bias.grad().abs().max().item<double>());
    };
    fitted.losses.push_back(objective().item<double>());
    fitted.gradient = largest_gradient();
    while (fitted.gradient > problem.tolerance && std::ssize(fitted.losses) <= problem.max_iterations) {
        optimiser.step(objective);
        const double loss = objective().item<double>();
        fitted.gradient = largest_gradient();
        const bool stands_still = loss >= fitted.losses.back(); // no number in between is left
        fitted.losses.push_back(loss);
        if (stands_still) break;
    }
    fitted.converged = fitted.gradient <= problem.tolerance;
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

/// What the heads of one fold, one an l2, say of the pictures in it.
struct FoldResult {
    std::vector<std::int64_t> judged; ///< rows
    std::vector<at::Tensor> logits;   ///< one an l2, [judged, classes]
};

FoldResult judge_fold(const LabelledFeatures& rows, LogisticRegression problem, std::span<const std::int64_t> picture,
                      std::span<const int> fold, int which, std::span<const double> l2) {
    FoldResult result;
    std::vector<std::int64_t> learning;
    std::int64_t before = -1;
    for (std::int64_t row = 0; row < rows.rows(); ++row) {
        const std::int64_t of = picture[static_cast<std::size_t>(row)];
        if (fold[static_cast<std::size_t>(of)] != which) {
            learning.push_back(row);
        } else if (of != before) {
            result.judged.push_back(row);
        }
        before = of;
    }
    const Tensors learn = tensors_of(rows, problem, learning), judge = tensors_of(rows, problem, result.judged);
    FittedHead fitted;
    for (const double strength : l2) {
        problem.l2 = strength;
        fitted = minimise(learn, rows.classes, problem, fitted.weight.empty() ? nullptr : &fitted);
        const ::torch::NoGradGuard no_gradients;
        result.logits.push_back(at::linear(judge.features, from_vector(fitted.weight, {rows.classes, rows.columns}),
                                           from_vector(fitted.bias, {rows.classes})));
    }
    return result;
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

L2Choice choose_l2(const LabelledFeatures& rows, const LogisticRegression& problem,
                   std::span<const std::int64_t> picture, std::span<const int> fold, std::span<const double> l2,
                   int threads) {
    check(rows, problem);
    return guarded(what, [&] {
        const int folds = 1 + *std::ranges::max_element(fold);
        std::vector<FoldResult> results(static_cast<std::size_t>(folds));
        in_parallel(folds, threads, [&](int which) {
            results[static_cast<std::size_t>(which)] = judge_fold(rows, problem, picture, fold, which, l2);
        });

        L2Choice choice;
        for (std::size_t i = 0; i < l2.size(); ++i) {
            double loss = 0, weight = 0, right = 0, pictures = 0;
            for (const FoldResult& result : results) {
                if (result.judged.empty()) continue;
                const Tensors judged = tensors_of(rows, problem, result.judged);
                const at::Tensor unweighted = losses_of(result.logits[i], judged.labels, problem.activation);
                // tensors_of() gives weights of sum 1 in the fold: those of all folds are wanted
                double fold_weight = 0;
                for (const std::int64_t row : result.judged)
                    fold_weight += problem.row_weights.empty() ? 1 : problem.row_weights[static_cast<std::size_t>(row)];
                loss += (unweighted * judged.weights).sum().item<double>() * fold_weight;
                weight += fold_weight;
                right += result.logits[i].argmax(1).eq(judged.labels).sum().item<double>();
                pictures += static_cast<double>(result.judged.size());
            }
            choice.trials.push_back({l2[i], loss / weight, right / pictures});
            if (choice.trials[i].loss < choice.trials[choice.best].loss) choice.best = i;
        }
        choice.logits.resize(fold.size() * static_cast<std::size_t>(rows.classes));
        for (const FoldResult& result : results) {
            if (result.judged.empty()) continue;
            const at::Tensor logits = result.logits[choice.best].to(at::kFloat).contiguous();
            for (std::size_t i = 0; i < result.judged.size(); ++i) {
                const auto place = static_cast<std::size_t>(picture[static_cast<std::size_t>(result.judged[i])]);
                std::copy_n(logits.data_ptr<float>() + i * static_cast<std::size_t>(rows.classes), rows.classes,
                            choice.logits.begin() + static_cast<std::ptrdiff_t>(place) * rows.classes);
            }
        }
        return choice;
    });
}

} // namespace openset::torch
