#include "report/chain.hpp"

#include <algorithm>
#include <cmath>
#include <set>

#include "openset/io/csv_field.hpp"
#include "openset/io/row_reader.hpp"
#include "openset/stats/metrics.hpp"

namespace openset::report {
namespace {

/// What happened to pictures of one kind.
struct Fates {
    std::int64_t pictures = 0, right = 0, misnamed = 0;
    std::map<std::string, std::int64_t> stopped; ///< by stage

    std::int64_t all_stopped() const {
        std::int64_t sum = 0;
        for (const auto& [stage, count] : stopped) sum += count;
        return sum;
    }
};

struct FatesByTruth {
    Fates known, unknown;
    std::map<std::string, Fates> by_class;
};

bool tells_truth(const Chain& chain) {
    return std::ranges::any_of(chain.pictures, [](const Judged& one) { return one.truth.has_value(); });
}

FatesByTruth fates_of(const Chain& chain) {
    FatesByTruth fates;
    const auto add = [](const Judged& one, Fates& to) {
        ++to.pictures;
        if (!one.accepted) {
            ++to.stopped[one.decided_by];
        } else if (one.right()) {
            ++to.right;
        } else {
            ++to.misnamed;
        }
    };
    for (const Judged& one : chain.pictures) {
        if (!one.truth) continue;
        add(one, one.truth_is_known ? fates.known : fates.unknown);
        add(one, fates.by_class[*one.truth]);
    }
    return fates;
}

std::string share(std::int64_t part, std::int64_t whole) {
    return whole == 0 ? "none" : percent(static_cast<double>(part) / static_cast<double>(whole));
}

std::string interval(std::int64_t part, std::int64_t whole) {
    if (whole == 0) return "";
    const stats::Interval found = stats::clopper_pearson(part, whole);
    return charts::formatted("95 %% interval %.1f", 100 * found.lower) +
           charts::formatted(" to %.1f %%", 100 * found.upper);
}

Figure flow_figure(const Chain& chain) {
    charts::Funnel funnel{"What became of the pictures", {}, "given a name", chain.accepted()};
    std::int64_t left = std::ssize(chain.pictures) + chain.failed;
    const auto stage = [&](bool is_there, const char* name, std::int64_t stopped, const char* what) {
        if (!is_there) return;
        funnel.stages.push_back({name, what, left, stopped});
        left -= stopped;
    };
    stage(true, "pictures", chain.failed, "could not be read");
    stage(chain.has_gate, "gate", chain.stopped_by("gate"), "not of the domain");
    stage(chain.has_species, "species filter", chain.stopped_by("species"), "of another family");
    const std::int64_t unsure = chain.stopped_by("classifier");
    stage(unsure > 0, "classifier", unsure, "too unsure");
    stage(chain.has_unknown, "detector of the unknown", chain.stopped_by("unknown"), "unlike all that was learned");
    return {"flow", funnel.title, "Each bar is what reached the stage; its broken end is what the stage stopped.",
            draw(funnel), csv_of(funnel)};
}

Figure verdict_figure(const Chain& chain) {
    std::map<std::string, std::int64_t> counts;
    for (const Judged& one : chain.pictures)
        if (one.accepted) ++counts[one.verdict];
    std::vector<std::pair<std::string, std::int64_t>> order(counts.begin(), counts.end());
    std::ranges::stable_sort(order, std::greater<>(), &std::pair<std::string, std::int64_t>::second);
    std::string csv = "label,pictures\r\n";
    for (const auto& [label, count] : order) csv += io::csv_field(label) + "," + std::to_string(count) + "\r\n";
    charts::Bars drawn{"The names that were given", {}, {}};
    constexpr std::size_t most = 14;
    for (std::size_t i = 0; i < std::min(order.size(), most); ++i) {
        drawn.names.push_back(order[i].first);
        drawn.values.push_back(static_cast<double>(order[i].second));
    }
    const std::string rest = order.size() > most ? " The " + std::to_string(most) + " most frequent of " +
                                                       std::to_string(order.size()) + "; the CSV has all."
                                                 : "";
    return {"verdicts", drawn.title, "Pictures by the label they were given." + rest, draw(drawn), csv};
}

Table truth_table(const Chain& chain) {
    const FatesByTruth fates = fates_of(chain);
    Table table{"chain-by-class",
                "The whole chain, held against the truth",
                "What the pictures of each class met with. For an unknown class, every rejection is right. Known are "
                "the " +
                    std::to_string(chain.labels.size()) + " labels of the classifier, by " + chain.labels_from + ".",
                {"class", "pictures", "rightly named", "another's name"},
                {},
                "class,known,pictures,right,misnamed,gate,species,classifier,unknown\r\n"};
    std::vector<std::pair<std::string, std::string>> stages;
    if (chain.has_gate) stages.emplace_back("gate", "gate");
    if (chain.has_species) stages.emplace_back("species", "species filter");
    if (chain.stopped_by("classifier") > 0) stages.emplace_back("classifier", "too unsure");
    if (chain.has_unknown) stages.emplace_back("unknown", "detector");
    for (const auto& [key, name] : stages) table.head.push_back("stopped: " + name);
    const auto row = [&](const std::string& name, const Fates& one, bool is_known) {
        std::vector<std::string> cells = {name, grouped(one.pictures), is_known ? grouped(one.right) : "",
                                          grouped(one.misnamed)};
        for (const auto& [key, title] : stages) {
            const auto found = one.stopped.find(key);
            cells.push_back(grouped(found == one.stopped.end() ? 0 : found->second));
        }
        table.rows.push_back(cells);
    };
    const std::set<std::string> labels(chain.labels.begin(), chain.labels.end());
    for (const bool known : {true, false}) {
        std::vector<std::pair<std::string, const Fates*>> order;
        for (const auto& [name, one] : fates.by_class)
            if (labels.contains(name) == known) order.emplace_back(name, &one);
        constexpr std::size_t most = 12; // the sums have the rest
        if (order.size() <= most)
            for (const auto& [name, one] : order) row(name.empty() ? "(no class)" : name, *one, known);
        const Fates& all = known ? fates.known : fates.unknown;
        if (all.pictures > 0) row(known ? "all known" : "all unknown", all, known);
        for (const auto& [name, one] : order) {
            table.csv += io::csv_field(name) + "," + (known ? "1" : "0") + "," + std::to_string(one->pictures) + "," +
                         std::to_string(one->right) + "," + std::to_string(one->misnamed);
            for (const char* stage : {"gate", "species", "classifier", "unknown"}) {
                const auto found = one->stopped.find(stage);
                table.csv += "," + std::to_string(found == one->stopped.end() ? 0 : found->second);
            }
            table.csv += "\r\n";
        }
    }
    return table;
}

Figure score_figure(const Chain& chain) {
    std::vector<double> accepted, rejected, finite;
    for (const Judged& one : chain.pictures) {
        if (!one.score) continue;
        (one.accepted ? accepted : rejected).push_back(*one.score);
        if (std::isfinite(*one.score)) finite.push_back(*one.score);
    }
    charts::Chart chart{"Scores of what reached the detector",
                        {chain.method + " score (larger: more unknown)", charts::range_around(finite)},
                        {"share of the pictures", {}, true},
                        {}};
    std::vector<double> all = accepted;
    all.insert(all.end(), rejected.begin(), rejected.end());
    chart.series.push_back(charts::histogram("", all, chart.x.range, 40, charts::known_colour));
    chart.series.back().name = "pictures";
    chart.y.range = {0, 1.08 * *std::ranges::max_element(chart.series.front().y)};
    if (chain.threshold && std::isfinite(*chain.threshold)) chart.marks.push_back({*chain.threshold, "unknown beyond"});
    return {"chain-scores", chart.title,
            "The pictures that the classifier named, by how unknown the detector finds them.", draw(chart),
            csv_of(chart)};
}

Figure gate_figure(const Chain& chain) {
    charts::Chart chart{"What the gate saw",
                        {"summed probability of the accepted labels", {0, 1}, true},
                        {"share of the pictures", {}, true},
                        {charts::histogram("pictures", chain.gate_mass, {0, 1}, 40, charts::known_colour)}};
    chart.y.range = {0, 1.08 * *std::ranges::max_element(chart.series.front().y)};
    return {"gate", chart.title, "A good gate has two heaps, far apart; what lies between them is where it is unsure.",
            draw(chart), csv_of(chart)};
}

} // namespace

std::int64_t Chain::stopped_by(const std::string& stage) const {
    return std::ranges::count_if(pictures, [&](const Judged& one) { return !one.accepted && one.decided_by == stage; });
}

std::int64_t Chain::accepted() const { return std::ranges::count_if(pictures, &Judged::accepted); }

Chain read_chain(const std::filesystem::path& rows,
                 const std::function<std::optional<std::string>(const std::string& path)>& truth,
                 const Labels& labels) {
    io::RowReader reader(rows);
    reader.want({"gate.mass", "species.probability", "classifier.probability", "unknown.score", "unknown.threshold"},
                {"classifier.label", "unknown.method", "species.label"}, {}, {"classifier.top"});
    Chain chain;
    std::set<std::string> known;
    const auto add_label = [&](const std::string& label) {
        if (!label.empty() && known.insert(label).second) chain.labels.push_back(label);
    };
    std::ranges::for_each(labels.names, add_label);
    std::set<std::optional<double>> thresholds;    // none: OpenMax's arg-max rule
    std::map<std::size_t, std::string> stopped_as; // by the species filter: picture -> its likeliest label
    std::set<std::string> passed_as;               // labels that the filter lets pass, if they are likely enough
    while (const auto row = reader.next()) {
        const std::string named = row->texts[0].value_or("");
        add_label(named);
        std::ranges::for_each(row->lists[0], add_label);
        if (row->outcome == io::Outcome::failed) {
            ++chain.failed;
            ++chain.failures[row->error_kind.value_or("")];
            continue;
        }
        Judged one;
        one.path = row->path;
        one.verdict = row->verdict;
        one.named = named;
        one.decided_by = row->decided_by;
        one.accepted = row->outcome == io::Outcome::known;
        one.confidence = row->numbers[2];
        one.score = row->numbers[3];
        one.threshold = row->numbers[4];
        if (truth) one.truth = truth(row->path);
        const auto gate_mass = row->numbers[0], species = row->numbers[1];
        const std::string family = row->texts[2].value_or("");
        if (one.decided_by == "gate" && gate_mass) {
            one.doubt = 1 - *gate_mass;
            one.saw = percent(*gate_mass) + " for what it accepts";
        } else if (one.decided_by == "species" && species) {
            one.doubt = *species;
            one.saw = "saw " + family + ", " + percent(*species);
            stopped_as[chain.pictures.size()] = family;
        } else if (!family.empty()) {
            passed_as.insert(family);
        }
        if (gate_mass) chain.gate_mass.push_back(*gate_mass);
        chain.has_gate |= gate_mass.has_value();
        chain.has_species |= species.has_value();
        chain.has_unknown |= one.score.has_value();
        if (one.score) {
            chain.method = row->texts[1].value_or("");
            thresholds.insert(one.threshold);
        }
        chain.pictures.push_back(std::move(one));
    }
    if (thresholds.size() == 1) chain.threshold = *thresholds.begin();
    chain.rule = chain.threshold         ? "the pipeline's own threshold"
                 : thresholds.size() > 1 ? "the pipeline's own thresholds, which differ by label"
                                         : "OpenMax's arg-max rule";
    for (const auto& [picture, label] : stopped_as) {
        std::optional<double>& doubt = chain.pictures[picture].doubt;
        if (passed_as.contains(label)) doubt = 1 - *doubt;
    }
    chain.labels_from = labels.from.empty() ? "what the rows name" : labels.from;
    for (Judged& one : chain.pictures) one.truth_is_known = one.truth && known.contains(*one.truth);
    return chain;
}

Section flow_section(const Chain& chain) {
    Section section{"flow-section", "From picture to verdict", {}, {}};
    section.parts.emplace_back(flow_figure(chain));
    if (chain.accepted() > 0) section.parts.emplace_back(verdict_figure(chain));
    if (!chain.gate_mass.empty()) section.parts.emplace_back(gate_figure(chain));
    if (chain.has_unknown) section.parts.emplace_back(score_figure(chain));
    if (tells_truth(chain)) section.parts.emplace_back(truth_table(chain));
    return section;
}

std::vector<std::string> summary_of(const Chain& chain) {
    const std::int64_t read = std::ssize(chain.pictures), named = chain.accepted();
    std::vector<std::string> words = {"Of " + pictures(read + chain.failed) + ", " + grouped(named) +
                                      " were given a name and " + grouped(read - named) + " were rejected as unknown" +
                                      (chain.failed > 0 ? "; " + grouped(chain.failed) + " could not be read." : ".")};
    if (!tells_truth(chain)) {
        words.emplace_back(
            "Nobody told this report what the pictures really show, so it says what was decided, not how "
            "often that was right.");
        return words;
    }
    if (chain.labels.empty()) {
        words.emplace_back(
            "No picture came as far as the classifier, and nothing beside the rows tells which classes it "
            "knows: all are counted as unknown here.");
    }
    const FatesByTruth fates = fates_of(chain);
    if (fates.known.pictures > 0) {
        words.push_back("Of the " + pictures(fates.known.pictures) + " of known classes, " +
                        share(fates.known.right, fates.known.pictures) + " got their right name, " +
                        share(fates.known.misnamed, fates.known.pictures) + " a wrong one, and " +
                        share(fates.known.all_stopped(), fates.known.pictures) + " were turned away.");
    }
    if (fates.unknown.pictures > 0) {
        words.push_back("Of the " + pictures(fates.unknown.pictures) + " of nothing that it knows, it turned away " +
                        share(fates.unknown.all_stopped(), fates.unknown.pictures) + "; " +
                        grouped(fates.unknown.misnamed) + (fates.unknown.misnamed == 1 ? " was" : " were") +
                        " taken for something known.");
    }
    return words;
}

std::vector<Fact> facts_of(const Chain& chain) {
    std::vector<Fact> facts = {{grouped(std::ssize(chain.pictures) + chain.failed), "pictures",
                                chain.failed > 0 ? grouped(chain.failed) + " could not be read" : "all could be read"}};
    if (!tells_truth(chain)) {
        facts.push_back(
            {grouped(chain.accepted()), "given a name", share(chain.accepted(), std::ssize(chain.pictures))});
        const std::int64_t rejected = std::ssize(chain.pictures) - chain.accepted();
        facts.push_back({grouped(rejected), "rejected", share(rejected, std::ssize(chain.pictures))});
        return facts;
    }
    const FatesByTruth fates = fates_of(chain);
    const auto& [known, unknown, by_class] = fates;
    if (known.pictures > 0)
        facts.push_back({share(known.right, known.pictures), "known pictures rightly named",
                         interval(known.right, known.pictures)});
    if (unknown.pictures > 0)
        facts.push_back({share(unknown.all_stopped(), unknown.pictures), "unknown pictures turned away",
                         interval(unknown.all_stopped(), unknown.pictures)});
    return facts;
}

} // namespace openset::report
