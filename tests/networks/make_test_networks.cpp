// make_test_networks DIR: tiny TorchScript archives of a world in which a thing is its mean colour.
//
// Pictures come in as 32x32, values 0..1. A convolution that copies its input (3x3, one at the centre), ReLU and a mean
// over the picture give three features: the mean red, green and blue. The last Linear's logits are
// 16 (2 mu_k f - |mu_k|^2): the label whose prototype colour mu_k is nearest wins, and a squared distance that is
// larger by d costs exp(-16 d). Prototypes are multiples of 1/8, so that float32 holds every weight exactly and tests
// can demand the very bits that they compute by hand.

#include <caffe2/serialize/inline_container.h>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <map>
#include <optional>
#include <string>
#include <torch/script.h>
#include <vector>

namespace {

namespace fs = std::filesystem;
using ::torch::jit::ExtraFilesMap;
using ::torch::jit::Module;

constexpr float sharpness = 16;

struct Prototype {
    std::string label;
    std::vector<float> colour;
};

const std::vector<Prototype> gate_colours = {
    {"black", {0, 0, 0}},        {"white", {1, 1, 1}},     {"grey", {0.5F, 0.5F, 0.5F}},
    {"red", {1, 0, 0}},          {"orange", {1, 0.5F, 0}}, {"yellow", {1, 1, 0}},
    {"green", {0, 0.5F, 0}},     {"blue", {0, 0, 1}},      {"brown", {0.375F, 0.25F, 0.125F}},
    {"purple", {0.5F, 0, 0.5F}}, {"cyan", {0, 1, 1}},      {"pink", {1, 0.625F, 0.75F}},
    {"teal", {0, 0.5F, 0.5F}},   {"navy", {0, 0, 0.5F}},   {"lime", {0, 1, 0}},
    {"magenta", {1, 0, 1}},
};
const std::vector<Prototype> species_colours = {
    {"NOT_FRUIT", {0.875F, 0.75F, 0.75F}},
    {"FRUIT", {0.875F, 0.5F, 0}},
};
const std::vector<Prototype> classifier_colours = {
    {"tomato", {0.875F, 0.125F, 0.125F}},
    {"orange", {1, 0.5F, 0}},
    {"lemon", {1, 0.875F, 0.125F}},
};

struct Head {
    at::Tensor weight, bias;
};

Head nearest_colour(const std::vector<Prototype>& prototypes) {
    std::vector<at::Tensor> colours;
    for (const Prototype& prototype : prototypes) colours.push_back(at::tensor(prototype.colour));
    const at::Tensor mu = at::stack(colours);
    return {mu * (2 * sharpness), (mu * mu).sum(1) * -sharpness};
}

std::vector<std::string> labels_of(const std::vector<Prototype>& prototypes) {
    std::vector<std::string> labels;
    for (const Prototype& prototype : prototypes) labels.push_back(prototype.label);
    return labels;
}

// ---- networks

constexpr const char* features_source = R"(
def features(self, x):
    return torch.mean(torch.relu(torch.conv2d(x, self.conv_weight, self.conv_bias, [1, 1], [1, 1])), [2, 3])
)";
constexpr const char* plain_forward = R"(
def forward(self, x):
    return torch.linear(self.features(x), self.weight, self.bias)
)";

/// The convolution, a head, and the forward() given; more parameters where it needs them.
Module network(const Head& head, const std::string& forward, const std::map<std::string, at::Tensor>& more = {}) {
    Module module("ColourNetwork");
    at::Tensor copy = at::zeros({3, 3, 3, 3});
    for (int channel = 0; channel < 3; ++channel) copy[channel][channel][1][1] = 1;
    module.register_parameter("conv_weight", copy, false);
    module.register_parameter("conv_bias", at::zeros({3}), false);
    module.register_parameter("weight", head.weight, false);
    module.register_parameter("bias", head.bias, false);
    for (const auto& [name, tensor] : more) module.register_parameter(name, tensor, false);
    module.define(features_source);
    module.define(forward);
    module.eval();
    return module;
}

// ---- openset.json

struct Info {
    std::string name;
    std::vector<std::string> labels;
    std::string activation = "softmax";
    int side = 32;
};

std::string to_json(const Info& info) {
    std::string labels;
    for (const std::string& label : info.labels) labels += (labels.empty() ? "\"" : ", \"") + label + "\"";
    const std::string side = std::to_string(info.side);
    return R"({"format": "openset-model/1", "name": ")" + info.name + R"(", "arch": "mean-colour", "labels": [)" +
           labels + R"(], "activation": ")" + info.activation +
           R"(", "preprocess": {"resize": {"mode": "shorter-side", "size": )" + side +
           R"(, "interpolation": "bilinear"}, "crop": [)" + side + ", " + side +
           R"(], "mean": [0, 0, 0], "std": [1, 1, 1]}, "license": "Apache-2.0", "source": "weights set by hand"})";
}

class Folder {
public:
    explicit Folder(fs::path path) : path_(std::move(path)) { fs::create_directories(path_); }

    void save(const Module& module, const Info& info) const {
        // Written beside and renamed: whoever reads the folder meets whole archives only.
        const fs::path partial = path_ / (info.name + ".partial");
        module.save(partial.string(), ExtraFilesMap{{"openset.json", to_json(info)}});
        fs::rename(partial, path_ / (info.name + ".pt"));
    }
    void save_without_info(const Module& module, const std::string& name) const {
        module.save((path_ / (name + ".pt")).string());
    }
    void write(const std::string& name, const std::string& bytes) const {
        std::ofstream(path_ / name, std::ios::binary) << bytes;
    }
    std::string read(const std::string& name) const {
        std::ifstream file(path_ / name, std::ios::binary);
        return {std::istreambuf_iterator<char>(file), {}};
    }
    const fs::path& path() const { return path_; }

private:
    fs::path path_;
};

void save_pipeline(const Folder& folder) {
    folder.save(network(nearest_colour(gate_colours), plain_forward), {"gate", labels_of(gate_colours)});
    folder.save(network(nearest_colour(species_colours), plain_forward), {"species", labels_of(species_colours)});
    folder.save(network(nearest_colour(classifier_colours), plain_forward),
                {"classifier", labels_of(classifier_colours)});
}

/// The classifier again, in each form that a network may come in.
void save_forms(const Folder& folder) {
    const Head head = nearest_colour(classifier_colours);
    const auto labels = labels_of(classifier_colours);
    const auto save = [&](const std::string& name, const std::string& forward,
                          const std::map<std::string, at::Tensor>& more = {}) {
        folder.save(network(head, forward, more), {name, labels});
    };
    save("tuple", R"(
def forward(self, x):
    f = self.features(x)
    return (torch.linear(f, self.weight, self.bias), f)
)");
    save("dict", R"(
def forward(self, x):
    f = self.features(x)
    return {"features": f, "logits": torch.linear(f, self.weight, self.bias), "latent": torch.mean(x, [3])}
)");
    save("addmm", R"(
def forward(self, x):
    return torch.addmm(self.bias, self.features(x), torch.t(self.weight))
)");
    save("without_bias", R"(
def forward(self, x):
    return torch.linear(self.features(x), self.weight)
)");
    save("pooled_convolution", R"(
def forward(self, x):
    y = torch.relu(torch.conv2d(x, self.conv_weight, self.conv_bias, [1, 1], [1, 1]))
    return torch.mean(torch.conv2d(y, self.weight_1x1, self.bias), [2, 3])
)",
         {{"weight_1x1", head.weight.reshape({3, 3, 1, 1})}});
    save("mlp", R"(
def forward(self, x):
    hidden = torch.relu(torch.linear(self.features(x), self.hidden_weight, self.hidden_bias))
    return torch.linear(hidden, self.weight, self.bias)
)",
         {{"hidden_weight", at::eye(3)}, {"hidden_bias", at::zeros({3})}});
    // LibTorch 1.13 computes this wrongly once it is optimised: 3 channels are no whole block of 16.
    save("relu6", R"(
def forward(self, x):
    y = torch.hardtanh(torch.conv2d(x, self.conv_weight, self.conv_bias, [1, 1], [1, 1]), 0., 6.)
    y = torch.hardtanh(torch.conv2d(y, self.conv_weight, self.conv_bias, [1, 1], [1, 1]), 0., 6.)
    return torch.linear(torch.mean(y, [2, 3]), self.weight, self.bias)
)");
    save("relu6_beside", R"(
def forward(self, x):
    y = torch.hardtanh(torch.conv2d(x, self.conv_weight, self.conv_bias, [1, 1], [1, 1]), 0., 6.)
    y = torch.hardtanh(torch.conv2d(y, self.conv_weight, self.conv_bias, [1, 1], [1, 1]), 0., 6.)
    return torch.linear(self.features(x), self.weight, self.bias), torch.mean(y, [2, 3])
)");
    // Likewise, but the first picture of a batch comes out right.
    save("relu6_of_means", R"(
def forward(self, x):
    y = torch.adaptive_avg_pool2d(torch.relu(torch.conv2d(x, self.stem, self.stem_bias, [1, 1], [1, 1])), [1, 1])
    y = torch.hardtanh(torch.conv2d(y, self.widening, self.wide_bias), 0., 6.)
    return torch.linear(torch.flatten(y, 1), self.wide_weight, self.bias)
)",
         {{"stem", at::constant_pad_nd(at::eye(3).reshape({3, 3, 1, 1}), {1, 1, 1, 1, 0, 0, 0, 13})},
          {"stem_bias", at::zeros({16})},
          {"widening", at::constant_pad_nd(at::cat({at::eye(3), -at::ones({21, 3})}), {0, 13}).reshape({24, 16, 1, 1})},
          {"wide_bias", at::zeros({24})},
          {"wide_weight", at::cat({head.weight, at::ones({3, 21})}, 1)}}); // of what ReLU6 leaves nothing of
    // What LibTorch 1.13 cannot optimise.
    save("clamped_from_below", R"(
def forward(self, x):
    y = torch.clamp(torch.conv2d(x, self.conv_weight, self.conv_bias, [1, 1], [1, 1]), 0., None)
    return torch.linear(torch.mean(y, [2, 3]), self.weight, self.bias)
)");
    save("overflows", R"(
def forward(self, x):
    y = torch.conv2d(torch.conv2d(x, self.huge), self.huge)
    y = torch.hardtanh(torch.conv2d(y, self.differences), 0., 6.)
    return torch.linear(torch.mean(y, [2, 3]), self.weight, self.bias)
)",
         {{"huge", at::eye(3).reshape({3, 3, 1, 1}) * 1e30},
          {"differences", (at::eye(3) - at::eye(3).roll(1, 0)).reshape({3, 3, 1, 1})}});
    save("left_half", R"(
def forward(self, x):
    return torch.linear(self.features(x[:, :, :, :16]), self.weight, self.bias)
)");
    // Only the shares of the colours count, which nothing black has: 0/0.
    save("nan_for_black", R"(
def forward(self, x):
    f = self.features(x)
    return torch.linear(f / torch.sum(f, [1], True), self.weight, self.bias)
)");
    // What a cut in front of the Linear would change: something behind it looks at it, or writes to it.
    save("halved_in_place", R"(
def forward(self, x):
    y = torch.linear(self.features(x), self.weight, self.bias)
    y.div_(2)
    return y
)");
    save("dict_rewritten", R"(
def forward(self, x):
    out = {"logits": torch.linear(self.features(x), self.weight, self.bias)}
    out["logits"] = out["logits"] / 2
    return out
)");
    save("dict_read", R"(
def forward(self, x):
    out = {"logits": torch.linear(self.features(x), self.weight, self.bias)}
    out["probabilities"] = torch.softmax(out["logits"], 1)
    return out
)");
    save("features_cleared", R"(
def forward(self, x):
    f = self.features(x)
    y = torch.linear(f, self.weight, self.bias)
    f.zero_()
    return y
)");
    // What sound networks do beside naming labels.
    save("writes_its_input", R"(
def forward(self, x):
    x.mul_(0.5)
    return torch.linear(self.features(x), self.weight, self.bias)
)");
    save("scalar_beside", R"(
def forward(self, x):
    return {"logits": torch.linear(self.features(x), self.weight, self.bias), "temperature": torch.mean(x)}
)");
    save("constants_beside", R"(
def forward(self, x):
    f = self.features(x)
    return {"logits": torch.linear(f, self.weight, self.bias), "means": f * 2.0, "prototypes": torch.ones([8, 3]),
            "temperature": torch.ones([1])}
)");
    save("varying_columns", R"(
def forward(self, x):
    y = torch.conv1d(torch.flatten(torch.relu(torch.conv2d(x, self.conv_weight, self.conv_bias, [1, 1], [1, 1])), 2), self.mixing)
    logits = torch.linear(torch.mean(y, [2]), self.weight, self.bias)
    if bool((x[0, 0, 0, 0] > 0.4).item()):
        logits = logits[:, :2]
    return logits
)",
         {{"mixing", at::eye(3).reshape({3, 3, 1})}});
    save("squeezed", R"(
def forward(self, x):
    return torch.linear(torch.squeeze(self.features(x)), self.weight, self.bias)
)");
    // Operations whose kernels change with the batch.
    save("conv1d", R"(
def forward(self, x):
    y = torch.conv1d(torch.flatten(torch.relu(torch.conv2d(x, self.conv_weight, self.conv_bias, [1, 1], [1, 1])), 2), self.mixing)
    return torch.linear(torch.mean(y, [2]), self.weight, self.bias)
)",
         {{"mixing", at::eye(3).reshape({3, 3, 1})}});
    save("computed_weight", R"(
def forward(self, x):
    y = torch.conv2d(x, self.conv_weight * float(x.size(1) - 2), self.conv_bias, [1, 1], [1, 1])
    return torch.linear(torch.mean(torch.relu(y), [2, 3]), self.weight, self.bias)
)");
    save("greedy", R"(
def forward(self, x):
    y = x.repeat([1, 1, 64, 64])
    return torch.linear(self.features(x) + torch.mean(y, [2, 3]) * 0, self.weight, self.bias)
)");
    for (const auto& [name, type] : {std::pair{"half", at::kHalf}, std::pair{"double", at::kDouble}}) {
        Module module = network(head, plain_forward);
        module.to(type);
        folder.save(module, {name, labels});
    }
}

void save_other_heads(const Folder& folder) {
    const Head species = nearest_colour(species_colours);
    const Head difference = {species.weight.slice(0, 1, 2) - species.weight.slice(0, 0, 1),
                             species.bias.slice(0, 1, 2) - species.bias.slice(0, 0, 1)};
    folder.save(network(difference, plain_forward), {"single_logit", labels_of(species_colours)});
    // A label a channel: more than 0.95 likely where the mean is above 0.684.
    const Head channels = {at::eye(3) * sharpness, at::full({3}, -sharpness / 2)};
    folder.save(network(channels, plain_forward), {"multi_label", {"reddish", "greenish", "bluish"}, "sigmoid"});
}

void save_without_description(const Folder& folder) {
    const Module module = network(nearest_colour(classifier_colours), plain_forward);
    folder.save_without_info(module, "without_info");
    folder.save_without_info(module, "sidecar");
    folder.write("sidecar.pt.openset.json", to_json({"sidecar", labels_of(classifier_colours)}));
}

void write_records(const Folder& folder, const std::string& name, const std::map<std::string, std::string>& records) {
    caffe2::serialize::PyTorchStreamWriter archive((folder.path() / name).string());
    for (const auto& [record, bytes] : records) archive.writeRecord(record, bytes.data(), bytes.size());
    archive.writeEndOfFile(); // with a version record of its own
}

void save_wrong(const Folder& folder) {
    const Head head = nearest_colour(classifier_colours);
    const auto labels = labels_of(classifier_colours);
    folder.save(network(head, plain_forward), {"four_labels", {"tomato", "orange", "lemon", "lime"}});
    folder.save(network(head, "def forward(self, x):\n    return x.size(0)\n"), {"not_a_tensor", labels});
    // Takes 32x32 pictures only, but says 48x48.
    folder.save(network(head, R"(
def forward(self, x):
    return torch.linear(torch.flatten(x, 1), self.flat_weight, self.bias)
)",
                        {{"flat_weight", at::ones({3, 3 * 32 * 32})}}),
                {"fixed_size", labels, "softmax", 48});

    const std::string whole = folder.read("classifier.pt");
    folder.write("truncated.pt", whole.substr(0, whole.size() / 2));
    folder.write("text.pt", "these are the weights of nothing\n");
    write_records(folder, "weights_alone.pt", {{"data.pkl", "}."}});
    // Looks like TorchScript from outside; what is in it is not.
    write_records(folder, "damaged.pt", {{"constants.pkl", "no pickle"}, {"data.pkl", "no pickle"}});
}

} // namespace

int main(int argc, char** argv) {
    if (argc != 2) {
        std::cerr << "usage: make_test_networks DIR\n";
        return 2;
    }
    try {
        const Folder folder(argv[1]);
        save_pipeline(folder);
        save_forms(folder);
        save_other_heads(folder);
        save_without_description(folder);
        save_wrong(folder);
    } catch (const std::exception& error) {
        std::cerr << "make_test_networks: " << error.what() << "\n";
        return 1;
    }
    return 0;
}
