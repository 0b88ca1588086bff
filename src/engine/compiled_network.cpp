#include "openset/engine/compiled_network.hpp"

#include <algorithm>
#include <new>
#include <string_view>
#include <utility>

#include "engine/lowering.hpp"
#include "engine/program.hpp"
#include "openset/base/error.hpp"
#include "openset/base/random.hpp"

// Of OpenMP's run-time library, which oneDNN is linked with; its header is the compiler's, and not every tool has one.
extern "C" {
int omp_get_max_threads();
void omp_set_num_threads(int count);
}

namespace openset::engine {
namespace {

/// oneDNN runs on the calling thread alone while one of these lives: parallel work is the caller's business.
class OneThread {
public:
    OneThread() : before_(::omp_get_max_threads()) { ::omp_set_num_threads(1); }
    ~OneThread() { ::omp_set_num_threads(before_); }
    OneThread(const OneThread&) = delete;
    OneThread& operator=(const OneThread&) = delete;

private:
    int before_;
};

template <typename Call>
auto guarded(Call call) {
    try {
        return call();
    } catch (const dnnl::error& error) {
        if (error.status == dnnl_out_of_memory) throw Error(ErrorKind::out_of_memory, "out of memory in oneDNN");
        throw Error(ErrorKind::model, "oneDNN cannot run it: " + std::string(error.what()));
    } catch (const std::bad_alloc&) {
        throw Error(ErrorKind::out_of_memory, "out of memory for what stands between the layers of a network");
    }
}

bool computes_in_eight_bits(const LayerGraph& graph) {
    return std::ranges::any_of(graph.nodes, [](const Node& node) {
        const auto* const convolution = std::get_if<Convolution>(&node.operation);
        return convolution != nullptr && !convolution->weight_scale.empty();
    });
}

/// Late layers have more weights than pixels: read once for four pictures they take a fifth less time, and more pictures gain
/// nothing further.
constexpr int pictures_at_once = 4;

} // namespace

class CompiledNetwork::Implementation {
public:
    Implementation(const LayerGraph& unfused, Precision precision) {
        const OneThread one_thread;
        const LayerGraph graph = fuse(unfused);
        shape_ = graph.nodes.front().shape;
        for (const NamedValue& output : graph.outputs) columns_.push_back(graph.nodes[output.value].shape.size());
        one_ = std::make_unique<Program>(lower(graph, precision, 1));
        if (!computes_in_eight_bits(graph)) return;
        several_ = std::make_unique<Program>(lower(graph, precision, pictures_at_once, &one_->plan()));
        if (!several_give_the_same()) several_.reset();
    }

    std::vector<model::Matrix> run(const model::Batch& batch) {
        if (batch.height != shape_.height || batch.width != shape_.width) {
            throw Error(ErrorKind::model, "was made for pictures of " + std::to_string(shape_.width) + "x" +
                                              std::to_string(shape_.height) + ", got one of " +
                                              std::to_string(batch.width) + "x" + std::to_string(batch.height) +
                                              "; expected the same");
        }
        const OneThread one_thread;
        std::vector<model::Matrix> outputs;
        for (const std::size_t columns : columns_) {
            outputs.push_back({batch.count, static_cast<int>(columns),
                               std::vector<float>(static_cast<std::size_t>(batch.count) * columns)});
        }
        int done = 0;
        const auto run_by = [&](Program& program) {
            for (const int pictures = program.plan().pictures; done + pictures <= batch.count; done += pictures) {
                const auto first = static_cast<std::size_t>(done);
                std::vector<float*> places;
                for (std::size_t i = 0; i < outputs.size(); ++i)
                    places.push_back(outputs[i].values.data() + first * columns_[i]);
                program.run(batch.data.data() + first * shape_.size(), places);
            }
        };
        if (several_) run_by(*several_);
        run_by(*one_);
        return outputs;
    }

    std::string description() const {
        const Plan& plan = (several_ ? *several_ : *one_).plan();
        std::string text = "pictures at once: " + std::to_string(plan.pictures) + "\n";
        for (const Step& step : plan.steps) text += step.name + "\n";
        return text;
    }

private:
    /// Kernels for several pictures may be others than for one: whether they give the same bits is tried, on noise.
    bool several_give_the_same() {
        Random random(0);
        std::vector<float> pictures(pictures_at_once * shape_.size());
        for (float& value : pictures) value = static_cast<float>(random.normal());
        std::vector<std::vector<float>> together, alone;
        std::vector<float*> places;
        for (const std::size_t columns : columns_) {
            together.emplace_back(pictures_at_once * columns);
            alone.emplace_back(pictures_at_once * columns);
            places.push_back(together.back().data());
        }
        several_->run(pictures.data(), places);
        for (std::size_t picture = 0; picture < pictures_at_once; ++picture) {
            for (std::size_t i = 0; i < columns_.size(); ++i) places[i] = alone[i].data() + picture * columns_[i];
            one_->run(pictures.data() + picture * shape_.size(), places);
        }
        return together == alone;
    }

    Shape shape_;                      ///< of a picture
    std::vector<std::size_t> columns_; ///< of each output
    std::unique_ptr<Program> one_;     ///< a picture at a time
    std::unique_ptr<Program> several_; ///< in eight bits, where it gives the same bits
};

bool has_fast(Precision precision) {
    if (precision == Precision::fp32) return true;
    const std::string set = onednn_instruction_set();
    return set == "avx512_core_bf16" || set.starts_with("avx512_core_amx");
}

std::string onednn_version() {
    const dnnl_version_t* const version = dnnl_version();
    return std::to_string(version->major) + "." + std::to_string(version->minor) + "." + std::to_string(version->patch);
}

std::string onednn_instruction_set() {
    switch (dnnl::get_effective_cpu_isa()) {
    case dnnl::cpu_isa::sse41: return "sse41";
    case dnnl::cpu_isa::avx2: return "avx2";
    case dnnl::cpu_isa::avx2_vnni: return "avx2_vnni";
    case dnnl::cpu_isa::avx512_core: return "avx512_core";
    case dnnl::cpu_isa::avx512_core_vnni: return "avx512_core_vnni";
    case dnnl::cpu_isa::avx512_core_bf16: return "avx512_core_bf16";
    case dnnl::cpu_isa::avx512_core_amx: return "avx512_core_amx";
    default: return "generic";
    }
}

CompiledNetwork::CompiledNetwork(const LayerGraph& graph, Precision precision) {
    implementation_ = guarded([&] { return std::make_unique<Implementation>(graph, precision); });
}

CompiledNetwork::~CompiledNetwork() = default;

std::vector<model::Matrix> CompiledNetwork::run(const model::Batch& batch) const {
    return guarded([&] { return implementation_->run(batch); });
}

std::string CompiledNetwork::description() const { return implementation_->description(); }

} // namespace openset::engine
