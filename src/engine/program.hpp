#pragma once

#include <cstddef>
#include <list>
#include <memory>
#include <mutex>
#include <oneapi/dnnl/dnnl.hpp>
#include <string>
#include <unordered_map>
#include <vector>

namespace openset::engine {

dnnl::engine& cpu();

/// Room that is needed from one step to another, both included.
struct Buffer {
    std::size_t bytes = 0;
    std::size_t first = 0;
    std::size_t last = 0;
    std::size_t offset = 0; ///< in the block that all buffers share
};

/// What a step reads or writes.
struct Place {
    enum class Kind { buffer, constant, input, output };
    Kind kind = Kind::buffer;
    std::size_t index = 0; ///< of a buffer, a constant or an output
    dnnl::memory::desc layout;
};

struct Step {
    dnnl::primitive primitive;
    std::unordered_map<int, Place> places; ///< by oneDNN's argument number
    std::string name;
};

/// A network as oneDNN runs it, for a fixed number of pictures at once.
struct Plan {
    int pictures = 1;
    std::vector<Step> steps;
    std::vector<Buffer> buffers;
    std::vector<dnnl::memory> constants; ///< weights and biases, in their kernels' layouts
};

/// Runs a plan. Several threads may at once, each with memory of its own for what stands between the steps.
class Program {
public:
    explicit Program(Plan plan);

    const Plan& plan() const { return plan_; }

    /// input    [pictures, channels, height, width]
    /// outputs  for each of the network's: [pictures, columns]
    /// Throws dnnl::error, std::bad_alloc.
    void run(const float* input, const std::vector<float*>& outputs);

private:
    struct Free {
        void operator()(void* bytes) const;
    };

    /// Memory for pictures on their way, used by one thread at a time.
    struct Workspace {
        std::unique_ptr<void, Free> block;
        std::vector<std::unordered_map<int, dnnl::memory>> arguments; ///< of each step
        std::vector<dnnl::memory> inputs;                             ///< those among them that are the pictures
        std::vector<std::pair<std::size_t, dnnl::memory>> outputs;    ///< those that are outputs
    };
    class Lease;

    void prepare(Workspace& workspace);
    dnnl::memory memory_of(const Place& place, Workspace& workspace);

    Plan plan_;
    std::size_t block_bytes_ = 0;

    std::mutex mutex_; ///< of idle_
    std::list<Workspace> idle_;
};

} // namespace openset::engine
