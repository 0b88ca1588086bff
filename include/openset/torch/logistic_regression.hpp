#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "openset/base/cancellation.hpp"
#include "openset/model/head.hpp"
#include "openset/model/model_info.hpp"

/// A network's head fitted to features that are computed once: regularised logistic regression, a convex problem.
namespace openset::torch {

/// Rows of features and what they show. Several rows may be views of one picture.
struct LabelledFeatures {
    std::span<const float> features; ///< [rows, columns]
    std::int64_t columns = 0;
    std::span<const std::int64_t> labels; ///< [rows], 0 to classes - 1
    int classes = 0;                      ///< 2 or more

    std::int64_t rows() const { return std::ssize(labels); }
};

/// minimise over W and b   sum_i weight_i loss(W f_i + b, y_i) / sum_i weight_i + l2 / 2 ||W||^2
///
/// softmax: loss = -ln softmax(v)_y.  sigmoid: loss = sum_k BCE(sigmoid(v_k), [k = y]), one-vs-rest, so that every class
/// has a regression of its own. The bias is not regularised. In scikit-learn's terms C = 1 / (l2 * rows) with equal weights.
struct LogisticRegression {
    model::Activation activation = model::Activation::softmax;
    double l2 = 1e-3;                     ///< above 0: without it separable classes have no minimum
    std::vector<double> row_weights = {}; ///< [rows], 0 or more; empty: 1 each
    int max_iterations = 1000;
    double tolerance = 1e-6; ///< of the largest component of the gradient
    /// Ends a fit after the iteration in which a stop is requested: what comes back is of no use then. Null: none
    const Cancellation* cancellation = nullptr;
};

struct FittedHead {
    std::vector<double> weight; ///< [classes, columns]
    std::vector<double> bias;   ///< [classes]
    std::vector<double> losses; ///< objective before the first and after every iteration of L-BFGS
    double gradient = 0;        ///< largest component at the end
    bool converged = false;     ///< the gradient is below the tolerance

    /// Rounded to float.
    model::Head head() const;
};

/// L-BFGS (Liu and Nocedal 1989) with a strong Wolfe line search, LibTorch's, in double on one thread of the CPU: the same
/// bits every time for one LibTorch on one machine, and whatever the number of threads. From W = b = 0, or `start`.
/// Throws Error(out_of_memory), and Error(internal) for spans that do not fit each other.
FittedHead fit_head(const LabelledFeatures& rows, const LogisticRegression& problem, const FittedHead* start = nullptr);

/// A strength of regularisation and what it gives on rows that did not learn.
struct L2Trial {
    double l2 = 0;
    double loss = 0; ///< mean over the pictures of all folds, each judged by the head of the others; with the weights
    double accuracy = 0; ///< likewise, without weights
};

/// What cross-validation says of several l2.
struct L2Choice {
    std::vector<L2Trial> trials; ///< in the order tried; the weakest are left out once two in a row are no better
    std::size_t best = 0;        ///< smallest loss; of equal ones the largest l2
    std::vector<float> logits;   ///< [pictures, classes] with the best, each picture by the head that has not seen it
};

/// Chooses l2 by cross-validation: each fold in turn is judged by a head that is fitted on the others, to 1e-4 of the
/// gradient, one l2 after the other from the largest down.
///
/// picture   [rows] of which picture each row is a view, 0 to pictures - 1; a picture's rows stand together, its plain view
///           first: that one is judged
/// fold      [pictures] in which each judges, 0 to folds - 1; -1: it only ever learns
/// l2        candidates, falling
/// threads   folds that are worked on at once; the result is the same
L2Choice choose_l2(const LabelledFeatures& rows, LogisticRegression problem, std::span<const std::int64_t> picture,
                   std::span<const int> fold, std::span<const double> l2, int threads);

} // namespace openset::torch
