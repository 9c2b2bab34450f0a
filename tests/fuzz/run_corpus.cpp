// SPDX-License-Identifier: GPL-3.0-or-later
// Runs a fuzz target without libFuzzer: every file of a corpus, then mutations of them, the same in each run unless
// MATRIZ_FUZZ_SEED gives another number than 1 to begin from.
#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <random>
#include <vector>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

namespace {

using Input = std::vector<std::uint8_t>;

std::vector<Input> read_corpus(const char* folder) {
    std::vector<std::filesystem::path> paths;
    for (const auto& entry : std::filesystem::directory_iterator(folder)) paths.push_back(entry.path());
    std::sort(paths.begin(), paths.end());
    std::vector<Input> corpus;
    for (const auto& path : paths) {
        std::ifstream file(path, std::ios::binary);
        corpus.emplace_back(std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>());
    }
    return corpus;
}

Input mutate(Input input, const std::vector<Input>& corpus, std::mt19937& random) {
    const auto position = [&] { return static_cast<std::ptrdiff_t>(random() % input.size()); };
    for (std::uint32_t steps = 1 + random() % 4; steps > 0; --steps) {
        if (input.empty()) input.push_back(0);
        switch (random() % 6) {
            case 0:
                input[static_cast<std::size_t>(position())] ^= static_cast<std::uint8_t>(1U << random() % 8);
                break;
            case 1:
                input[static_cast<std::size_t>(position())] = static_cast<std::uint8_t>(random());
                break;
            case 2:
                input.resize(static_cast<std::size_t>(position()));
                break;
            case 3:
                input.insert(input.begin() + position(), static_cast<std::uint8_t>(random()));
                break;
            case 4:
                input.erase(input.begin() + position());
                break;
            default: {  // the head of this one, the tail of another
                const Input& other = corpus[random() % corpus.size()];
                input.resize(static_cast<std::size_t>(position()));
                if (!other.empty())
                    input.insert(input.end(), other.begin() + static_cast<std::ptrdiff_t>(random() % other.size()),
                                 other.end());
            }
        }
    }
    return input;
}

}  // namespace

int main(int argc, char** argv) {
    const std::vector<Input> corpus = argc > 1 ? read_corpus(argv[1]) : std::vector<Input>{};
    if (corpus.empty()) {
        std::fprintf(stderr, "usage: %s CORPUS-FOLDER [MUTATIONS]\n", argv[0]);
        return EXIT_FAILURE;
    }
    for (const Input& input : corpus) LLVMFuzzerTestOneInput(input.data(), input.size());
    const long mutations = argc > 2 ? std::atol(argv[2]) : 5000;
    const char* given = std::getenv("MATRIZ_FUZZ_SEED");
    const unsigned long seed = given != nullptr ? std::strtoul(given, nullptr, 10) : 1;
    std::printf("seed %lu\n", seed);
    std::fflush(stdout);  // said also by a run that ends in an abort
    std::mt19937 random(static_cast<std::mt19937::result_type>(seed));
    for (long i = 0; i < mutations; ++i) {
        // An exact allocation, so that a sanitizer sees each read beyond the end.
        const Input input = mutate(corpus[random() % corpus.size()], corpus, random);
        LLVMFuzzerTestOneInput(input.data(), input.size());
    }
    std::printf("%zu seeds, %ld mutations\n", corpus.size(), mutations);
    return EXIT_SUCCESS;
}
