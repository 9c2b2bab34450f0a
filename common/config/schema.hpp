// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <json/json.h>

#include <algorithm>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "common/config/document.hpp"

namespace matriz::config {

/// Why a value does not fit its key: "70000 is out of range". The loader adds file, line, key and what is accepted.
class Invalid : public Error {
  public:
    using Error::Error;
};

/// What people read about a key, in --help-config and docs/configuration.md.
struct KeyDoc {
    std::string name;
    std::string accepted;  ///< "an integer from 1 to 65535"
    std::string fallback;  ///< the default, as JSON
    std::string help;
};

/// One key of a config: its documentation, how its value is read and checked.
template <class Config>
struct Key {
    KeyDoc doc;
    /// Throws Invalid, or ConfigError for problems inside a nested value. `path` is the key's own path.
    std::function<void(Config&, const Json::Value&, const Document&, const std::string& path, Problems& warnings)> read;
};

/// The known key nearest to a mistyped one, or nothing when none is near.
std::optional<std::string> nearest(std::string_view name, const std::vector<std::string>& known);
std::string as_json(const Json::Value& value);
/// The table of a schema as text for a terminal, or as Markdown.
std::string help_text(const std::vector<KeyDoc>& keys);
std::string markdown_table(const std::vector<KeyDoc>& keys);

/// The table that drives parsing, defaults, ranges, help and reference. Defaults are those of a default-made Config.
/// Build it once at start; const use from any thread.
template <class Config>
class Schema {
  public:
    using Check = std::function<void(Config&)>;
    using Advice = std::function<std::string(const Config&)>;

    /// A value read by `convert(const Json::Value&) -> T`, which throws Invalid.
    template <class T, class Convert>
    Schema& value(std::string name, T Config::*member, std::string accepted, Json::Value fallback, std::string help,
                  Convert convert) {
        keys_.push_back({{std::move(name), std::move(accepted), as_json(fallback), std::move(help)},
                         [member, convert](Config& config, const Json::Value& json, const Document&, const std::string&,
                                           Problems&) { config.*member = convert(json); }});
        return *this;
    }

    Schema& text(const std::string& name, std::string Config::*member, std::string help,
                 std::string accepted = "a string") {
        return value(name, member, accepted, Config{}.*member, std::move(help), [](const Json::Value& json) {
            if (!json.isString()) throw Invalid("{} is not a string", as_json(json));
            return json.asString();
        });
    }

    Schema& flag(const std::string& name, bool Config::*member, std::string help) {
        return value(name, member, "true or false", Config{}.*member, std::move(help), [](const Json::Value& json) {
            if (!json.isBool()) throw Invalid("{} is neither true nor false", as_json(json));
            return json.asBool();
        });
    }

    template <class Integer>
    Schema& integer(const std::string& name, Integer Config::*member, Integer least, Integer most, std::string help) {
        return value(name, member, fmt::format("an integer from {} to {}", least, most),
                     static_cast<Json::Int64>(Config{}.*member), std::move(help),
                     [least, most](const Json::Value& json) {
                         return static_cast<Integer>(
                             integer_in(json, static_cast<Json::Int64>(least), static_cast<Json::Int64>(most)));
                     });
    }

    Schema& number(const std::string& name, double Config::*member, double least, double most, std::string help) {
        return value(name, member, fmt::format("a number from {} to {}", least, most), Config{}.*member,
                     std::move(help), [least, most](const Json::Value& json) {
                         if (!json.isNumeric()) throw Invalid("{} is not a number", as_json(json));
                         if (json.asDouble() < least || json.asDouble() > most)
                             throw Invalid("{} is out of range", as_json(json));
                         return json.asDouble();
                     });
    }

    /// One of a few words or numbers; `choices` pairs the JSON value with what it means.
    template <class T>
    Schema& choice(const std::string& name, T Config::*member, std::vector<std::pair<Json::Value, T>> choices,
                   std::string help) {
        std::string accepted = "one of";
        Json::Value fallback;
        for (std::size_t i = 0; i < choices.size(); ++i) {
            accepted += (i == 0 ? " " : ", ") + as_json(choices[i].first);
            if (choices[i].second == Config{}.*member) fallback = choices[i].first;
        }
        return value(
            name, member, accepted, fallback, std::move(help), [choices = std::move(choices)](const Json::Value& json) {
                for (const auto& [word, meaning] : choices)
                    if (word == json || (word.isNumeric() && json.isNumeric() && word.asDouble() == json.asDouble()))
                        return meaning;
                throw Invalid("{} is not known", as_json(json));
            });
    }

    Schema& texts(const std::string& name, std::vector<std::string> Config::*member, std::string help,
                  std::string accepted = "a list of strings") {
        return value(name, member, accepted, Json::Value(Json::arrayValue), std::move(help),
                     [](const Json::Value& json) {
                         if (!json.isArray()) throw Invalid("{} is not a list", as_json(json));
                         std::vector<std::string> list;
                         for (const Json::Value& item : json) {
                             if (!item.isString()) throw Invalid("{} in the list is not a string", as_json(item));
                             list.push_back(item.asString());
                         }
                         return list;
                     });
    }

    /// An object with a schema of its own.
    template <class Part>
    Schema& object(const std::string& name, Part Config::*member, const Schema<Part>& part, std::string help) {
        return nested(
            name, "an object: " + part.names(), Json::Value(Json::objectValue), std::move(help),
            [member, part](Config& config, const Json::Value& json, const Document& document, const std::string& path,
                           Problems& warnings) { config.*member = part.read_object(json, document, path, warnings); });
    }

    /// A list of objects, each with a schema of its own.
    template <class Part>
    Schema& objects(const std::string& name, std::vector<Part> Config::*member, const Schema<Part>& part,
                    std::string help) {
        return nested(
            name, "a list of objects: " + part.names(), Json::Value(Json::arrayValue), std::move(help),
            [member, part](Config& config, const Json::Value& json, const Document& document, const std::string& path,
                           Problems& warnings) {
                if (!json.isArray()) throw Invalid("{} is not a list", as_json(json));
                Problems errors;
                (config.*member).clear();
                for (Json::ArrayIndex i = 0; i < json.size(); ++i) {
                    try {
                        (config.*member)
                            .push_back(part.read_object(json[i], document, fmt::format("{}[{}]", path, i), warnings));
                    } catch (const ConfigError& e) {
                        errors.insert(errors.end(), e.problems().begin(), e.problems().end());
                    }
                }
                if (!errors.empty()) throw ConfigError(std::move(errors));
            });
    }

    /// A key that is accepted, does nothing, and is noted when present: "`python` is ignored: …".
    Schema& ignored(std::string name, std::string why) {
        keys_.push_back({{name, "anything", "", "Ignored: " + why},
                         [name, why](Config&, const Json::Value& json, const Document& document,
                                     const std::string& path, Problems& warnings) {
                             warnings.push_back({document.file(), document.line_of(json), path, "ignored: " + why});
                         }});
        return *this;
    }

    /// Keys that must be present.
    Schema& required(std::vector<std::string> names) {
        required_ = std::move(names);
        return *this;
    }
    /// A check over several keys, run when each alone is right; throws Invalid. Its problem is reported at `key`.
    Schema& check(std::string key, Check check) {
        checks_.emplace_back(std::move(key), std::move(check));
        return *this;
    }

    /// What to say about a key that is there (null is not) in a config that is right: it has no effect, say. A warning
    /// unless `advice` returns nothing.
    Schema& advise(std::string key, Advice advice) {
        advices_.emplace_back(std::move(key), std::move(advice));
        return *this;
    }

    /// Reads the whole document. Throws ConfigError with every error found; fills `warnings` (unknown and ignored
    /// keys).
    Config load(const Document& document, Problems& warnings) const {
        return read_object(document.root(), document, "", warnings);
    }

    Config read_object(const Json::Value& json, const Document& document, const std::string& path,
                       Problems& warnings) const {
        if (!json.isObject())
            throw ConfigError({{document.file(), document.line_of(json), path,
                                as_json(json) + " is not an object; accepted: an object: " + names()}});
        Config config{};
        Problems errors;
        const std::string prefix = path.empty() ? "" : path + ".";
        for (const std::string& name : json.getMemberNames())
            read_member(config, json[name], name, prefix, document, errors, warnings);
        for (const std::string& name : required_)
            if (!json.isMember(name))
                errors.push_back({document.file(), document.line_of(json), prefix + name,
                                  "missing; accepted: " + find(name)->doc.accepted});
        for (const auto& [key, check] : checks_) {
            if (!errors.empty()) break;
            try {
                check(config);
            } catch (const Invalid& e) {
                const int line = document.line_of(json.isMember(key) ? json[key] : json);
                errors.push_back({document.file(), line, prefix + key, e.what()});
            }
        }
        if (!errors.empty()) throw ConfigError(std::move(errors));
        for (const auto& [key, advice] : advices_) {
            if (!json.isMember(key) || json[key].isNull()) continue;
            std::string text = advice(config);
            if (!text.empty())
                warnings.push_back({document.file(), document.line_of(json[key]), prefix + key, std::move(text)});
        }
        return config;
    }

    std::vector<KeyDoc> docs() const {
        std::vector<KeyDoc> all;
        for (const auto& key : keys_) all.push_back(key.doc);
        return all;
    }
    /// "name, key, …"
    std::string names() const {
        std::string text;
        for (const auto& key : keys_) (text += text.empty() ? "" : ", ") += key.doc.name;
        return text;
    }

  private:
    template <class Read>
    Schema& nested(const std::string& name, std::string accepted, const Json::Value& fallback, std::string help,
                   Read read) {
        keys_.push_back({{name, std::move(accepted), as_json(fallback), std::move(help)}, std::move(read)});
        return *this;
    }

    static Json::Int64 integer_in(const Json::Value& json, Json::Int64 least, Json::Int64 most) {
        if (!json.isIntegral()) throw Invalid("{} is not an integer", as_json(json));
        if (!json.isInt64() || json.asInt64() < least || json.asInt64() > most)
            throw Invalid("{} is out of range", as_json(json));
        return json.asInt64();
    }

    const Key<Config>* find(const std::string& name) const {
        const auto found =
            std::find_if(keys_.begin(), keys_.end(), [&](const auto& key) { return key.doc.name == name; });
        return found == keys_.end() ? nullptr : &*found;
    }

    /// null stands for "not given", as in the original's defaults.
    void read_member(Config& config, const Json::Value& json, const std::string& name, const std::string& prefix,
                     const Document& document, Problems& errors, Problems& warnings) const {
        const Key<Config>* key = find(name);
        const int line = document.line_of(json);
        if (key == nullptr) {
            std::vector<std::string> known;
            for (const auto& k : keys_) known.push_back(k.doc.name);
            const auto near = nearest(name, known);
            warnings.push_back(
                {document.file(), line, prefix + name,
                 near ? "unknown key, ignored; did you mean \"" + *near + "\"?" : "unknown key, ignored"});
            return;
        }
        if (json.isNull()) return;
        try {
            key->read(config, json, document, prefix + name, warnings);
        } catch (const Invalid& e) {
            errors.push_back(
                {document.file(), line, prefix + name, std::string(e.what()) + "; accepted: " + key->doc.accepted});
        } catch (const ConfigError& e) {
            errors.insert(errors.end(), e.problems().begin(), e.problems().end());
        }
    }

    std::vector<Key<Config>> keys_;
    std::vector<std::string> required_;
    std::vector<std::pair<std::string, Check>> checks_;
    std::vector<std::pair<std::string, Advice>> advices_;
};

}  // namespace matriz::config
