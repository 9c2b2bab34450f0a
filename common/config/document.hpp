// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <json/json.h>

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/error.hpp"

namespace matriz::config {

/// One finding in a config file. Errors stop the program, warnings are logged.
struct Problem {
    std::string file;
    int line = 0;     ///< 1-based; 0 when it concerns the file as a whole
    std::string key;  ///< path of the key, "client_keys[2].name"; empty when it concerns the syntax
    std::string text;

    /// "client.json:7: port: 70000 is out of range; accepted: an integer from 1 to 65535"
    std::string str() const;
};
using Problems = std::vector<Problem>;

/// All the errors of a config, one line each. Programs answer it with exit status 2.
class ConfigError : public Error {
  public:
    explicit ConfigError(Problems problems);
    const Problems& problems() const noexcept { return problems_; }

  private:
    Problems problems_;
};

/// A parsed JSON text that knows the line of every value. Comments (`//`, `/* */`) are allowed; duplicate keys and text
/// after the end are not. Any thread; immutable.
class Document {
  public:
    /// Throws ConfigError when the text is no JSON object, is not UTF-8, nests deeper than 32, or exceeds 4 MiB.
    static Document parse(std::string text, std::string file);
    /// The same, from a file; a file that cannot be read is a ConfigError that names it and says why.
    static Document load(const std::string& path);

    const Json::Value& root() const noexcept { return root_; }
    const std::string& file() const noexcept { return file_; }
    /// 1-based line where `value`, a part of root(), starts.
    int line_of(const Json::Value& value) const noexcept;

  private:
    Document(std::string text, std::string file, Json::Value root)
        : text_(std::move(text)), file_(std::move(file)), root_(std::move(root)) {}

    std::string text_;
    std::string file_;
    Json::Value root_;
};

/// Well-formed UTF-8 (RFC 3629: no overlong forms, no surrogates, at most U+10FFFF)?
bool is_utf8(std::string_view text) noexcept;

}  // namespace matriz::config
