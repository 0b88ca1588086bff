#pragma once

#include <cassert>

#include <opencv2/core.hpp>
#include <opencv2/core/utility.hpp>

#include "openset/image/picture.hpp"

namespace openset::draw {

/// The pixels of a picture as OpenCV sees them; the picture keeps them and must outlive the view. Channels are R, G, B.
inline cv::Mat3b view_of(image::Picture& picture) {
    return {picture.height, picture.width, reinterpret_cast<cv::Vec3b*>(picture.rgb.data())};
}

/// For reading only.
inline const cv::Mat3b view_of(const image::Picture& picture) { return view_of(const_cast<image::Picture&>(picture)); }

/// OpenCV works in the thread that calls it: whoever draws many pictures has threads of their own, and would otherwise fight
/// with OpenCV's over the processors. For the whole process, so it is no business of a static initialiser.
inline void keep_to_this_thread() {
    static const bool once = (cv::setNumThreads(1), true);
    static_cast<void>(once);
}

inline image::Picture picture_of(const cv::Mat3b& pixels) {
    image::Picture picture{pixels.cols, pixels.rows, {}};
    picture.rgb.resize(pixels.total() * 3);
    cv::Mat3b view = view_of(picture);
    pixels.copyTo(view);
    assert(view.data == picture.rgb.data());
    return picture;
}

} // namespace openset::draw
