// Many threads ask one model at once, and each image must have the answer that it has alone; meanwhile other models come and go, and calls fail.
//
//     threads MODEL IMAGE...
#include <atomic>
#include <iostream>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "ocelli.h"

namespace {

struct Free {
    void operator()(ocelli_model *model) const { ocelli_free(model); }
};
using Model = std::unique_ptr<ocelli_model, Free>;

Model load(const std::string &path, uint32_t threads) {
    ocelli_model *model = nullptr;
    if (ocelli_load(path.c_str(), threads, &model) != OCELLI_OK) {
        std::cerr << ocelli_last_error() << "\n";
    }
    return Model(model);
}

std::vector<float> ask(const ocelli_model *model, const std::string &image) {
    std::vector<float> probabilities(ocelli_class_count(model));
    if (ocelli_predict_file(model, image.c_str(), probabilities.data(), probabilities.size()) != OCELLI_OK) {
        probabilities.clear();
    }
    return probabilities;
}

}  // namespace

int main(int argc, char **argv) {
    const std::string path = argv[1];
    const std::vector<std::string> images(argv + 2, argv + argc);
    const Model model = load(path, 3);
    std::vector<std::vector<float>> alone;
    for (const auto &image : images) {
        alone.push_back(ask(model.get(), image));
    }
    std::atomic<int> right(0), wrong(0);
    const auto work = [&](size_t first) {
        for (size_t turn = 0; turn < 3 * images.size(); turn++) {
            const size_t which = (first + turn) % images.size();
            const auto found = ask(model.get(), images[which]);
            (!found.empty() && found == alone[which] ? right : wrong)++;
            const std::string missing = "missing " + std::to_string(first);
            const bool failed = ask(model.get(), missing).empty();
            const bool mine = std::string(ocelli_last_error()).find(missing + ":") == 0;
            (failed && mine ? right : wrong)++;
        }
        const Model other = load(path, 1);
        (other && ask(other.get(), images[0]) == alone[0] ? right : wrong)++;
    };
    std::vector<std::thread> threads;
    for (size_t thread = 0; thread < 8; thread++) {
        threads.emplace_back(work, thread);
    }
    for (auto &thread : threads) {
        thread.join();
    }
    std::cout << right << " right, " << wrong << " wrong\n";
    return wrong == 0 && !images.empty() ? 0 : 1;
}
