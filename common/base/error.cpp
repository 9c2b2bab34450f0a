// SPDX-License-Identifier: GPL-3.0-or-later
#include "common/base/error.hpp"

namespace matriz {

std::string describe(const std::exception& error) {
    std::string text = error.what();
    try {
        std::rethrow_if_nested(error);
    } catch (const std::exception& inner) {
        text += ": " + describe(inner);
    } catch (...) {
        text += ": unknown error";
    }
    return text;
}

void rethrow_in_context(const std::string& context) { std::throw_with_nested(Error(context)); }

}  // namespace matriz
