#include "action_tables.hpp"

#include <mutex>
#include <type_traits>

#include "orbit_sum.hpp"

namespace symkernel {

namespace {

// Larger tables are made anew by every call rather than kept for the life of the group.
constexpr std::int64_t largest_kept_bytes = std::int64_t(1) << 28;

std::int64_t ceil_div(std::int64_t a, std::int64_t b) { return (a + b - 1) / b; }

}  // namespace

template <class T>
ActionTables<T>::ActionTables(const OrbitAction& action, const Engine<T>& engine)
    : action_(action), engine_(engine) {
  Elements<T>& g = elements_;
  g.kind = action.kind();
  g.order = action.order();
  g.d = action.degree();
  g.has_signs = action.has_signs();
  if (g.kind == ActionKind::signed_permutations) g.rows = action.rows().data();
  if (g.kind == ActionKind::matrices || g.kind == ActionKind::points) fill_matrices();
  if (g.kind == ActionKind::shifts) fill_shifts();
}

template <class T>
void ActionTables<T>::fill_matrices() {
  Elements<T>& g = elements_;
  const std::vector<double>& entries = action_.matrix_entries();
  const T* matrices = nullptr;
  if constexpr (std::is_same<T, double>::value) {
    matrices = entries.data();
  } else {
    matrices_ = Buffer<T>(static_cast<std::int64_t>(entries.size()));
    for (std::size_t i = 0; i < entries.size(); ++i)
      matrices_[static_cast<std::int64_t>(i)] = static_cast<T>(entries[i]);
    matrices = matrices_.data();
  }
  if (g.kind == ActionKind::matrices) {
    g.matrices = matrices;
    g.matrix_panels = pack_matrices(g.d, g.d, g.order);
    return;
  }
  g.blocks = action_.blocks().data();
  g.n_blocks = static_cast<std::int64_t>(action_.blocks().size());
  g.n_entries = action_.n_entries();
  g.n_points = action_.n_points();
  g.n_matrices = action_.n_matrices();
  g.n_row_permutations = g.order / g.n_matrices;
  g.point_rows = action_.rows().data();
  g.layout = action_.layout().data();
  g.point_matrices = matrices;
  g.point_terms = action_.terms().empty() ? nullptr : action_.terms().data();
  g.n_terms = static_cast<std::int64_t>(action_.terms().size()) / g.n_matrices;
  // every matrix is one row of entries of the product <h, M>
  g.point_panels = pack_matrices(g.n_matrices, g.n_entries, 1);
}

template <class T>
void ActionTables<T>::fill_shifts() {
  Elements<T>& g = elements_;
  fourier_ = std::make_unique<FourierPlan<T>>(action_.grid_shape());
  const std::int64_t size = fourier_->size();
  g.transform = fourier_->transform();
  g.channels = g.d / size;
  g.n_maps = action_.n_matrices();
  g.grid_maps = action_.rows().data();
  g.shifts = fourier_->shifts().data();
  g.grid_shape = action_.grid_shape().data();
  g.grid_axes = static_cast<int>(action_.grid_shape().size());
  g.grid_features = action_.layout().data();
  for (std::int64_t h = 0; h < g.n_maps; ++h) {
    const std::vector<std::int32_t> map(action_.rows().begin() + h * size,
                                        action_.rows().begin() + (h + 1) * size);
    const std::vector<std::int32_t> rows = fourier_->rows(map);
    spectral_rows_.insert(spectral_rows_.end(), rows.begin(), rows.end());
  }
  g.spectral_rows = spectral_rows_.data();
  for (std::int64_t k = 0; k < g.d; ++k) {
    const auto point =
        static_cast<std::size_t>(fourier_->inputs()[static_cast<std::size_t>(k % size)]);
    input_layout_.push_back(action_.layout()[static_cast<std::size_t>(k / size * size) + point]);
  }
  g.layout = input_layout_.data();
  fill_inverse();
}

// Where outputs of a transform stand as grid points, and among the inputs of the next.
template <class T>
void ActionTables<T>::fill_inverse() {
  Elements<T>& g = elements_;
  const std::vector<std::int32_t>& inputs = fourier_->inputs();
  std::vector<std::int32_t> place(inputs.size());
  for (std::size_t k = 0; k < inputs.size(); ++k)
    place[static_cast<std::size_t>(inputs[k])] = static_cast<std::int32_t>(k);
  for (const std::int32_t shift : fourier_->shifts()) {
    std::int32_t from = shift, to = 0, stride = 1;
    for (int axis = g.grid_axes - 1; axis >= 0; --axis) {
      const std::int32_t n = g.grid_shape[axis];
      to += (n - from % n) % n * stride;
      from /= n;
      stride *= n;
    }
    natural_rows_.push_back(static_cast<std::int32_t>(natural_rows_.size()));
    mirrored_.push_back(to);
    places_.push_back(place[static_cast<std::size_t>(to)]);
  }
  g.natural_rows = natural_rows_.data();
  g.mirrored = mirrored_.data();
  g.places = places_.data();
}

// `count` matrices of `rows` x `columns` as panels of mr rows.
template <class T>
const T* ActionTables<T>::pack_matrices(std::int64_t rows, std::int64_t columns,
                                        std::int64_t count) {
  const T* matrices = elements_.matrices != nullptr ? elements_.matrices : elements_.point_matrices;
  const std::int64_t panels = ceil_div(rows, engine_.mr);
  const std::int64_t size = panels * engine_.mr * columns;
  matrix_panels_ = Buffer<T>(count * size);
  for (std::int64_t e = 0; e < count; ++e) {
    for (std::int64_t p = 0; p < panels; ++p)
      engine_.pack(matrices + e * rows * columns, rows, columns, nullptr, 1.0, false, engine_.mr, p,
                   matrix_panels_.data() + e * size + p * engine_.mr * columns);
  }
  return matrix_panels_.data();
}

template <class T>
std::shared_ptr<const ActionTables<T>> tables_of(const OrbitAction& action,
                                                 const Engine<T>& engine) {
  TableCache& cache = action.tables();
  constexpr int kind = sizeof(T) == 8 ? 0 : 1;
  const std::lock_guard<std::mutex> lock(cache.mutex);
  if (cache.tables[kind] == nullptr || cache.engine[kind] != &engine) {
    auto made = std::make_shared<const ActionTables<T>>(action, engine);
    const auto numbers = static_cast<std::int64_t>(action.matrix_entries().size());
    if (numbers * static_cast<std::int64_t>(sizeof(T)) > largest_kept_bytes) return made;
    cache.tables[kind] = made;
    cache.engine[kind] = &engine;
    return made;
  }
  return std::static_pointer_cast<const ActionTables<T>>(cache.tables[kind]);
}

template class ActionTables<double>;
template class ActionTables<float>;
template std::shared_ptr<const ActionTables<double>> tables_of<double>(const OrbitAction&,
                                                                       const Engine<double>&);
template std::shared_ptr<const ActionTables<float>> tables_of<float>(const OrbitAction&,
                                                                     const Engine<float>&);

}  // namespace symkernel
