#pragma once

#include <array>
#include <vector>

#include "cli/definition.hpp"

namespace openset::cli {

struct CommandEntry {
    const char* name;
    const char* purpose;
};

/// The commands that are part of openset. Others are found by their name all the same.
inline constexpr std::array commands = {
    CommandEntry{"infer", "pictures -> verdicts (the main job)"},
    CommandEntry{"init", "look at networks and write a starter config"},
    CommandEntry{"draw", "draw a labelled world of pictures to learn, test and measure with"},
    CommandEntry{"augment", "more training pictures from few: rotated, blurred, mirrored..."},
    CommandEntry{"train", "folders of pictures -> a gate, a species filter or a classifier"},
    CommandEntry{"extract", "labelled pictures -> activation store"},
    CommandEntry{"fit", "training activations -> a detector of the unknown"},
    CommandEntry{"score", "activations -> scores, larger = more unknown"},
    CommandEntry{"sweep", "scores -> what every threshold would do; pick one"},
    CommandEntry{"calibrate", "one budget of wrongly rejected known pictures for a whole chain"},
    CommandEntry{"eval", "scores -> metrics"},
    CommandEntry{"compare", "detectors x sets of unknown pictures -> a table"},
    CommandEntry{"discover", "rejected pictures -> groups that may be new classes"},
    CommandEntry{"report", "rows and scores -> one page with charts and pictures"},
    CommandEntry{"serve", "the pipeline behind HTTP, with a page to try it"},
    CommandEntry{"merge", "parts made on many machines -> the one of a single run"},
    CommandEntry{"quantize", "network -> int8 network, with what it costs"},
    CommandEntry{"inspect", "say what a file is: network, rows, store, detector..."},
    CommandEntry{"doctor", "what this machine has, what will be slow"},
    CommandEntry{"bench", "where the time goes, and how near the limit that is"},
    CommandEntry{"completion", "what makes a shell complete all this"},
};

/// What openset itself shows.
inline const std::vector<Example> examples_of_openset = {
    {"openset infer -c cats.json photos/", "a row a picture: what it is, or where and why it was rejected"},
    {"openset doctor", "does everything run, and fast?"},
};

} // namespace openset::cli
