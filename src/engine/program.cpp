#include "engine/program.hpp"

#include <algorithm>
#include <cstdlib>
#include <new>
#include <utility>

namespace openset::engine {
namespace {

constexpr std::size_t alignment = 64;

void* allocate(std::size_t bytes) {
    const std::size_t rounded = (std::max<std::size_t>(bytes, 1) + alignment - 1) / alignment * alignment;
    void* const block = std::aligned_alloc(alignment, rounded);
    if (block == nullptr) throw std::bad_alloc();
    return block;
}

/// Gives buffers that live at the same time places of their own in one block, the largest first, each at the lowest
/// place that is free for all its life. Returns the size of the block.
std::size_t place(std::vector<Buffer>& buffers) {
    std::vector<Buffer*> by_size;
    for (Buffer& buffer : buffers) by_size.push_back(&buffer);
    std::ranges::stable_sort(by_size, [](const Buffer* a, const Buffer* b) { return a->bytes > b->bytes; });
    std::vector<const Buffer*> placed; // by offset
    std::size_t total = 0;
    for (Buffer* const buffer : by_size) {
        buffer->bytes = (buffer->bytes + alignment - 1) / alignment * alignment;
        std::size_t offset = 0;
        for (const Buffer* const other : placed) {
            if (other->last < buffer->first || buffer->last < other->first) continue;
            if (other->offset >= offset + buffer->bytes) break;
            offset = std::max(offset, other->offset + other->bytes);
        }
        buffer->offset = offset;
        total = std::max(total, offset + buffer->bytes);
        placed.insert(std::ranges::upper_bound(placed, offset, {}, &Buffer::offset), buffer);
    }
    return total;
}

} // namespace

dnnl::engine& cpu() {
    static dnnl::engine engine(dnnl::engine::kind::cpu, 0);
    return engine;
}

void Program::Free::operator()(void* bytes) const { std::free(bytes); }

Program::Program(Plan plan) : plan_(std::move(plan)), block_bytes_(place(plan_.buffers)) {}

/// A workspace for as long as it lives; they are kept for the next call. Lists of one element, as giving back must not
/// allocate: it happens while exceptions are under way.
class Program::Lease {
public:
    explicit Lease(Program& owner) : owner_(owner) {
        {
            const std::scoped_lock lock(owner_.mutex_);
            if (!owner_.idle_.empty()) workspace_.splice(workspace_.begin(), owner_.idle_, owner_.idle_.begin());
        }
        if (workspace_.empty()) owner_.prepare(workspace_.emplace_front());
    }
    ~Lease() {
        const std::scoped_lock lock(owner_.mutex_);
        owner_.idle_.splice(owner_.idle_.begin(), workspace_);
    }
    Lease(const Lease&) = delete;
    Lease& operator=(const Lease&) = delete;

    Workspace* operator->() { return &workspace_.front(); }

private:
    Program& owner_;
    std::list<Workspace> workspace_;
};

void Program::prepare(Workspace& workspace) {
    workspace.block.reset(allocate(block_bytes_));
    for (const Step& step : plan_.steps) {
        auto& arguments = workspace.arguments.emplace_back();
        for (const auto& [argument, place] : step.places) arguments.emplace(argument, memory_of(place, workspace));
    }
}

dnnl::memory Program::memory_of(const Place& place, Workspace& workspace) {
    using dnnl::memory;
    switch (place.kind) {
    case Place::Kind::constant: return plan_.constants[place.index];
    case Place::Kind::input: return workspace.inputs.emplace_back(memory(place.layout, cpu(), DNNL_MEMORY_NONE));
    case Place::Kind::output:
        return workspace.outputs.emplace_back(place.index, memory(place.layout, cpu(), DNNL_MEMORY_NONE)).second;
    case Place::Kind::buffer: break;
    }
    return {place.layout, cpu(), static_cast<char*>(workspace.block.get()) + plan_.buffers[place.index].offset};
}

void Program::run(const float* input, const std::vector<float*>& outputs) {
    Lease lease(*this);
    for (dnnl::memory& pictures : lease->inputs) pictures.set_data_handle(const_cast<float*>(input));
    for (auto& [index, output] : lease->outputs) output.set_data_handle(outputs[index]);
    dnnl::stream stream(cpu());
    for (std::size_t step = 0; step < plan_.steps.size(); ++step)
        plan_.steps[step].primitive.execute(stream, lease->arguments[step]);
}

} // namespace openset::engine
