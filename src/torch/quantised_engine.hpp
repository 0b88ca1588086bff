#pragma once

#include <ATen/Context.h>
#include <algorithm>
#include <mutex>

namespace openset::torch {

/// Chooses the kernels that quantised operations run on. Before a module with such operations is loaded or made: weights are
/// packed for them then. oneDNN's where this LibTorch has them; qnnpack's take twenty times as long.
inline void choose_quantised_engine() {
    static std::once_flag once; // networks are loaded side by side
    std::call_once(once, [] {
        const auto& engines = at::Context::supportedQEngines();
        if (std::ranges::find(engines, at::QEngine::ONEDNN) != engines.end())
            at::globalContext().setQEngine(at::QEngine::ONEDNN);
    });
}

} // namespace openset::torch
