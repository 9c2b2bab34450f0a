// SPDX-License-Identifier: GPL-3.0-or-later
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/config/schema.hpp"

namespace matriz::config {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

struct Part {
    std::string name;
    int weight = 1;
};
enum class Colour { red, blue };
struct Example {
    std::string title = "none";
    bool loud = false;
    int count = 3;
    double gain = 0.5;
    Colour colour = Colour::red;
    std::vector<std::string> tags;
    Part main;
    std::vector<Part> parts;
};

Schema<Part> part_schema() {
    Schema<Part> schema;
    schema.text("name", &Part::name, "Its name.")
        .integer("weight", &Part::weight, 0, 9, "Its weight.")
        .required({"name"});
    return schema;
}

Schema<Example> example_schema() {
    Schema<Example> schema;
    schema.text("title", &Example::title, "A title.")
        .flag("loud", &Example::loud, "Loud?")
        .integer("count", &Example::count, 1, 10, "How many.")
        .number("gain", &Example::gain, -1, 1.5, "How much.")
        .choice<Colour>("colour", &Example::colour, {{"red", Colour::red}, {"blue", Colour::blue}}, "Which.")
        .texts("tags", &Example::tags, "Tags.")
        .object("main", &Example::main, part_schema(), "The main part.")
        .objects("parts", &Example::parts, part_schema(), "The parts.")
        .ignored("old", "it is gone");
    schema.check("count", [](Example& example) {
        if (example.loud && example.count > 5) throw Invalid("too many to be loud");
    });
    schema.advise("gain", [](const Example& example) { return example.loud ? "no effect when loud" : ""; });
    return schema;
}

struct Outcome {
    Example value;
    std::vector<std::string> errors;
    std::vector<std::string> warnings;
};

Outcome load(const std::string& text) {
    Outcome outcome;
    Problems warnings;
    try {
        outcome.value = example_schema().load(Document::parse(text, "f"), warnings);
    } catch (const ConfigError& error) {
        for (const Problem& problem : error.problems()) outcome.errors.push_back(problem.str());
    }
    for (const Problem& problem : warnings) outcome.warnings.push_back(problem.str());
    return outcome;
}

TEST(Schema, DefaultsAreThoseOfTheType) {
    const Outcome outcome = load("{}");
    EXPECT_THAT(outcome.errors, IsEmpty());
    EXPECT_EQ(outcome.value.title, "none");
    EXPECT_EQ(outcome.value.count, 3);
}

TEST(Schema, ReadsEveryKind) {
    const Outcome outcome = load(R"({"title":"t","loud":true,"count":5,"gain":1,"colour":"blue","tags":["a","b"],
        "main":{"name":"m"},"parts":[{"name":"p","weight":9},{"name":"q"}]})");
    EXPECT_THAT(outcome.errors, IsEmpty());
    EXPECT_EQ(outcome.value.title, "t");
    EXPECT_TRUE(outcome.value.loud);
    EXPECT_EQ(outcome.value.count, 5);
    EXPECT_EQ(outcome.value.gain, 1);
    EXPECT_EQ(outcome.value.colour, Colour::blue);
    EXPECT_THAT(outcome.value.tags, ElementsAre("a", "b"));
    EXPECT_EQ(outcome.value.main.name, "m");
    ASSERT_EQ(outcome.value.parts.size(), 2U);
    EXPECT_EQ(outcome.value.parts[0].weight, 9);
    EXPECT_EQ(outcome.value.parts[1].weight, 1);
}

TEST(Schema, NullStandsForNotGiven) {
    const Outcome outcome = load(R"({"title":null,"count":null,"parts":null})");
    EXPECT_THAT(outcome.errors, IsEmpty());
    EXPECT_EQ(outcome.value.count, 3);
}

TEST(Schema, AdvisesOnWhatIsThereAndRight) {
    EXPECT_THAT(load("{\"loud\":true,\n\"gain\":1}").warnings, ElementsAre("f:2: gain: no effect when loud"));
    EXPECT_THAT(load(R"({"loud":true})").warnings, IsEmpty());
    EXPECT_THAT(load(R"({"loud":true,"gain":null})").warnings, IsEmpty());
    EXPECT_THAT(load(R"({"gain":1})").warnings, IsEmpty());
    EXPECT_THAT(load(R"({"loud":true,"gain":9})").warnings, IsEmpty()) << "an error is enough";
}

struct Bad {
    const char* text;
    const char* error;
};
class SchemaError : public testing::TestWithParam<Bad> {};
TEST_P(SchemaError, NamesPlaceCauseAndCure) {
    EXPECT_THAT(load(GetParam().text).errors, ElementsAre(GetParam().error));
}
INSTANTIATE_TEST_SUITE_P(
    All, SchemaError,
    testing::Values(Bad{R"({"title":7})", "f:1: title: 7 is not a string; accepted: a string"},
                    Bad{R"({"loud":"yes"})", "f:1: loud: \"yes\" is neither true nor false; accepted: true or false"},
                    Bad{"{\n\"count\":0}", "f:2: count: 0 is out of range; accepted: an integer from 1 to 10"},
                    Bad{R"({"count":11})", "f:1: count: 11 is out of range; accepted: an integer from 1 to 10"},
                    Bad{R"({"count":1e30})", "f:1: count: 1e+30 is not an integer; accepted: an integer from 1 to 10"},
                    Bad{R"({"count":18446744073709551615})",
                        "f:1: count: 18446744073709551615 is out of range; accepted: an integer from 1 to 10"},
                    Bad{R"({"count":2.5})", "f:1: count: 2.5 is not an integer; accepted: an integer from 1 to 10"},
                    Bad{R"({"count":"2"})", "f:1: count: \"2\" is not an integer; accepted: an integer from 1 to 10"},
                    Bad{R"({"gain":2})", "f:1: gain: 2 is out of range; accepted: a number from -1 to 1.5"},
                    Bad{R"({"gain":"1"})", "f:1: gain: \"1\" is not a number; accepted: a number from -1 to 1.5"},
                    Bad{R"({"colour":"green"})",
                        "f:1: colour: \"green\" is not known; accepted: one of \"red\", \"blue\""},
                    Bad{R"({"tags":"a"})", "f:1: tags: \"a\" is not a list; accepted: a list of strings"},
                    Bad{R"({"tags":["a",7]})", "f:1: tags: 7 in the list is not a string; accepted: a list of strings"},
                    Bad{R"({"main":7})", "f:1: main: 7 is not an object; accepted: an object: name, weight"},
                    Bad{"{\"main\":\n{}}", "f:2: main.name: missing; accepted: a string"},
                    Bad{R"({"parts":{}})", "f:1: parts: {} is not a list; accepted: a list of objects: name, weight"},
                    Bad{"{\"parts\":[{\"name\":\"a\"},\n{\"name\":\"b\",\"weight\":10}]}",
                        "f:2: parts[1].weight: 10 is out of range; accepted: an integer from 0 to 9"},
                    Bad{R"({"parts":[7]})", "f:1: parts[0]: 7 is not an object; accepted: an object: name, weight"},
                    Bad{"{\"loud\":true,\n\"count\":6}", "f:2: count: too many to be loud"}));

TEST(Schema, ReportsEveryErrorAtOnce) {
    EXPECT_THAT(load("{\"count\":0,\n\"parts\":[{},\n{\"name\":1}],\n\"loud\":0}").errors,
                testing::UnorderedElementsAre("f:1: count: 0 is out of range; accepted: an integer from 1 to 10",
                                              "f:2: parts[0].name: missing; accepted: a string",
                                              "f:3: parts[1].name: 1 is not a string; accepted: a string",
                                              "f:4: loud: 0 is neither true nor false; accepted: true or false"));
}

TEST(Schema, UnknownAndIgnoredKeysAreWarnings) {
    const Outcome outcome = load("{\"old\":1,\n\"cuont\":2,\n\"xyzzy\":3,\n\"parts\":[{\"name\":\"a\",\"wieght\":1}]}");
    EXPECT_THAT(outcome.errors, IsEmpty());
    EXPECT_THAT(outcome.warnings,
                testing::UnorderedElementsAre("f:1: old: ignored: it is gone",
                                              "f:2: cuont: unknown key, ignored; did you mean \"count\"?",
                                              "f:3: xyzzy: unknown key, ignored",
                                              "f:4: parts[0].wieght: unknown key, ignored; did you mean \"weight\"?"));
}

TEST(Schema, LongValuesAreCutInMessages) {
    const auto errors = load("{\"count\":\"" + std::string(10'000, 'x') + "\"}").errors;
    ASSERT_EQ(errors.size(), 1U);
    EXPECT_LT(errors[0].size(), 300U);
}

}  // namespace
}  // namespace matriz::config
