#include "lethe/tensor/cpu/onednn_product.h"

#include <omp.h>

#include <array>
#include <list>
#include <oneapi/dnnl/dnnl.hpp>
#include <optional>
#include <unordered_map>

#include "lethe/base/error.h"

namespace lethe::tensor {
namespace {

constexpr size_t kMaxProducts = 4096;  // cached a thread; the least recently used goes first

// All that a primitive is made for. Numbers only: compared and hashed as a whole.
struct Key {
  enum Field { kM, kN, kK, kStrideA, kStrideB, kStrideC, kStrideResidual, kFlags, kThreads, kFields };
  std::array<int64_t, kFields> field;
  bool operator==(const Key&) const = default;
};
constexpr int64_t kTransposeA = 1, kTransposeB = 2, kBias = 4, kScale = 8, kInputBF16 = 16, kOutputBF16 = 32,
                  kSumShift = 6;

struct KeyHash {
  size_t operator()(const Key& key) const {
    uint64_t h = 0;
    for (int64_t v : key.field) h = (h ^ static_cast<uint64_t>(v)) * 0x9e3779b97f4a7c15u, h ^= h >> 29;
    return h;
  }
};

const dnnl::engine& engine() {
  static const dnnl::engine e(dnnl::engine::kind::cpu, 0);
  return e;
}

dnnl::memory::desc matrix(int64_t rows, int64_t cols, DType dtype, int64_t stride, bool transposed) {
  const auto type = dtype == DType::kF32 ? dnnl::memory::data_type::f32 : dnnl::memory::data_type::bf16;
  return {{rows, cols}, type, transposed ? dnnl::memory::dims{1, stride} : dnnl::memory::dims{stride, 1}};
}

// A primitive with the memory objects that its calls point anew.
class Product {
 public:
  explicit Product(const Key& key) {
    using Desc = dnnl::memory::desc;
    const auto& f = key.field;
    const int64_t flags = f[Key::kFlags];
    const DType input = flags & kInputBF16 ? DType::kBF16 : DType::kF32;
    const DType output = flags & kOutputBF16 ? DType::kBF16 : DType::kF32;
    const Desc a = matrix(f[Key::kM], f[Key::kK], input, f[Key::kStrideA], flags & kTransposeA);
    const Desc b = matrix(f[Key::kK], f[Key::kN], input, f[Key::kStrideB], flags & kTransposeB);
    const Desc c = matrix(f[Key::kM], f[Key::kN], output, f[Key::kStrideC], false);
    const Desc bias = flags & kBias ? matrix(1, f[Key::kN], DType::kF32, f[Key::kN], false) : Desc();

    dnnl::primitive_attr attributes;
    attributes.set_scratchpad_mode(dnnl::scratchpad_mode::user);
    if (flags & kScale) attributes.set_scales_mask(DNNL_ARG_SRC, 0);
    dnnl::post_ops post;
    if (const int64_t times = flags >> kSumShift) post.append_sum(static_cast<float>(times));
    Desc residual;
    if (f[Key::kStrideResidual] > 0) {
      residual = matrix(f[Key::kM], f[Key::kN], DType::kF32, f[Key::kStrideResidual], false);
      residual_index_ = DNNL_ARG_ATTR_MULTIPLE_POST_OP(post.len()) | DNNL_ARG_SRC_1;
      post.append_binary(dnnl::algorithm::binary_add, residual);
    }
    attributes.set_post_ops(post);
    const dnnl::matmul::primitive_desc description(engine(), a, b, bias, c, attributes, /*allow_empty=*/true);
    if (!description) return;
    primitive_ = dnnl::matmul(description);
    scratch_bytes_ = description.scratchpad_desc().get_size();

    add(DNNL_ARG_SRC, a);
    add(DNNL_ARG_WEIGHTS, b);
    add(DNNL_ARG_DST, c);
    if (flags & kBias) add(DNNL_ARG_BIAS, bias);
    if (residual_index_) add(residual_index_, residual);
    if (flags & kScale) add(kScaleIndex, {{1}, dnnl::memory::data_type::f32, dnnl::memory::dims{1}});
    if (scratch_bytes_ > 0) add(DNNL_ARG_SCRATCHPAD, description.scratchpad_desc());
  }

  explicit operator bool() const { return static_cast<bool>(primitive_); }

  void run(const dnnl::stream& stream, Buffer& scratch, const Tensor& a, const Tensor& b, const Tensor& c,
           const MatmulOptions& options) {
    if (scratch.size() < scratch_bytes_) {
      scratch = Buffer();
      scratch = Buffer(scratch_bytes_);
    }
    for (auto& [index, memory] : arguments_) {
      memory.set_data_handle(index == DNNL_ARG_SRC       ? a.data
                             : index == DNNL_ARG_WEIGHTS ? b.data
                             : index == DNNL_ARG_DST     ? c.data
                             : index == DNNL_ARG_BIAS    ? const_cast<float*>(options.bias)
                             : index == kScaleIndex      ? const_cast<float*>(&options.scale)
                             : index == residual_index_  ? options.residual->data
                                                         : static_cast<void*>(scratch.data()));
    }
    primitive_.execute(stream, arguments_);
  }

 private:
  static constexpr int kScaleIndex = DNNL_ARG_ATTR_SCALES | DNNL_ARG_SRC;

  void add(int index, const dnnl::memory::desc& desc) {
    arguments_.emplace(index, dnnl::memory(desc, engine(), nullptr));
  }

  dnnl::matmul primitive_;
  std::unordered_map<int, dnnl::memory> arguments_;
  int residual_index_ = 0;
  size_t scratch_bytes_ = 0;
};

// Each thread has its own primitives and scratch: no locks, and a primitive made for one thread stays with it.
class ProductCache {
 public:
  Product& find(const Key& key) {
    if (auto found = index_.find(key); found != index_.end()) {
      products_.splice(products_.begin(), products_, found->second);
      return found->second->second;
    }
    if (index_.size() >= kMaxProducts) {
      index_.erase(products_.back().first);
      products_.pop_back();
    }
    products_.emplace_front(key, Product(key));
    index_.emplace(key, products_.begin());
    return products_.front().second;
  }

  dnnl::stream stream{engine()};
  Buffer scratch;

 private:
  std::list<std::pair<Key, Product>> products_;  // most recently used first
  std::unordered_map<Key, std::list<std::pair<Key, Product>>::iterator, KeyHash> index_;
};

// oneDNN asks OpenMP how many threads it may use; inside a parallel region that must be one.
class AloneInParallelRegion {
 public:
  AloneInParallelRegion() : before_(omp_in_parallel() ? omp_get_max_threads() : 0) {
    if (before_) omp_set_num_threads(1);
  }
  ~AloneInParallelRegion() {
    if (before_) omp_set_num_threads(before_);
  }

 private:
  int before_;
};

}  // namespace

bool onednn_product(const Tensor& a, const Tensor& b, const Tensor& c, const MatmulOptions& options) {
  const AloneInParallelRegion alone;
  const bool in_place = options.residual && options.residual->data == c.data;
  const int64_t sum = (options.accumulate ? 1 : 0) + (in_place ? 1 : 0);
  const Key key{{c.rows, c.cols, options.transpose_a ? a.rows : a.cols, a.stride, b.stride, c.stride,
                 options.residual && !in_place ? options.residual->stride : 0,
                 (options.transpose_a ? kTransposeA : 0) | (options.transpose_b ? kTransposeB : 0) |
                     (options.bias ? kBias : 0) | (options.scale != 1 ? kScale : 0) |
                     (a.dtype == DType::kBF16 ? kInputBF16 : 0) | (c.dtype == DType::kBF16 ? kOutputBF16 : 0) |
                     (sum << kSumShift),
                 omp_get_max_threads()}};
  thread_local ProductCache cache;
  try {
    Product& product = cache.find(key);
    if (!product) return false;
    product.run(cache.stream, cache.scratch, a, b, c, options);
    cache.stream.wait();
  } catch (const dnnl::error& e) {
    fail("oneDNN: product of {} x {} x {}: {}", c.rows, key.field[Key::kK], c.cols, e.what());
  }
  return true;
}

}  // namespace lethe::tensor
