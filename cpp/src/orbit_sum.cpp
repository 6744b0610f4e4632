#include "orbit_sum.hpp"

#include <algorithm>
#include <cmath>
#include <map>
#include <memory>
#include <mutex>

#include "gradient_x.hpp"
#include "symkernel/base_kernels.hpp"
#include "symkernel/error.hpp"
#include "symkernel/fourier_plan.hpp"

namespace symkernel {

bool stop_requested(StopToken* token, int thread) {
  token->poll(thread);
  return token->stopped();
}

namespace {

struct KernelRow {
  const char* name;
  int parameters;
  int gradients;
  host::Producer (*producer)(const double*);
};

template <template <class> class K>
constexpr KernelRow row(const char* name, int parameters) {
  return {name, parameters, K<double>::n_gradients, &K<double>::producer};
}
template <class R>
using Matern12 = Matern<R, 1>;
template <class R>
using Matern32 = Matern<R, 3>;
template <class R>
using Matern52 = Matern<R, 5>;
template <class R>
using ArcCosine0 = ArcCosine<R, 0>;
template <class R>
using ArcCosine1 = ArcCosine<R, 1>;
template <class R>
using ArcCosine2 = ArcCosine<R, 2>;

// In the order of KernelId.
constexpr KernelRow kernels[kernel_count] = {
    row<Rbf>("rbf", 1),
    row<Matern12>("matern12", 1),
    row<Matern32>("matern32", 1),
    row<Matern52>("matern52", 1),
    row<RationalQuadratic>("rational_quadratic", 2),
    row<DotProduct>("dot_product", 1),
    row<Polynomial>("polynomial", 3),
    row<ArcCosine0>("arccosine0", 0),
    row<ArcCosine1>("arccosine1", 0),
    row<ArcCosine2>("arccosine2", 0),
    row<Laplacian>("laplacian", 1),
};

// One prepared sample set and the memory behind it.
template <class T>
struct Prepared {
  Buffer<T> rows, turned, panels, bias, weight;  // rows: shifted or of unit length
  Buffer<double> inverse_norm;
  Operand<T> operand;
};

constexpr std::int64_t packing_share = 64;  // panels packed per task
constexpr std::int64_t row_share = 128;     // rows prepared per task

template <class T>
class Driver {
 public:
  Driver(const GramRequest<T>& request, StopToken& token)
      : request_(request),
        token_(token),
        engine_(engine<T>()),
        producer_(make_producer(request)),
        threads_(resolve_threads(request.n_threads)) {
    check();
    fill_job();
  }

  void gram() {
    const bool symmetric = request_.y.data == nullptr;
    find_center(symmetric ? request_.x : request_.y);
    if (job_.g.kind == ActionKind::shifts) {
      prepare_spectra(request_.x, true, x_);
      prepare_spectra(symmetric ? request_.x : request_.y, false, y_);
    } else {
      prepare(request_.x, engine_.mr, producer_.cross, false, x_);
      prepare(symmetric ? request_.x : request_.y, engine_.nr,
              producer_.manhattan ? producer_.cross : 1.0, job_.g.has_signs, y_);
    }
    shift_bias(x_);
    job_.x = x_.operand;
    job_.y = y_.operand;
    refine_if_large();
    if (request_.output == Output::gradient_x) {
      gradient_task().run();
    } else {
      job_.symmetric =
          symmetric && request_.output != Output::matvec && request_.elements == nullptr;
      if (request_.output == Output::matvec) pack_v();
      run_blocks();
    }
    finish();
  }

  void diagonal() {
    require(job_.g.kind != ActionKind::shifts, "a diagonal needs elements, not a transform");
    const bool gradient_x = request_.output == Output::gradient_x;
    if (gradient_x && request_.form != nullptr) {
      diagonal_gradient_of_form();
      return;
    }
    require(request_.form == nullptr, "a diagonal needs a base kernel");
    find_center(request_.x);
    // The operands are the same samples in panels of nr; the scale is applied to the product.
    prepare(request_.x, engine_.nr, producer_.manhattan ? producer_.cross : 1.0, job_.g.has_signs,
            y_);
    prepare_rows(request_.x, x_);
    shift_bias(x_);
    job_.y = y_.operand;
    job_.x = x_.operand;
    refine_if_large();
    const std::int64_t panels = ceil_div(request_.x.rows, engine_.nr);
    Buffer<T> sums(gradient_x ? request_.x.rows * (job_.g.d + 1) : 0);
    if (gradient_x) job_.dk = sums.data();
    Buffer<T> scratch = scratch_for(1);
    auto body = [&](std::int64_t q, int thread) {
      engine_.diagonal(job_, q, scratch.data() + thread * scratch_size_, thread);
    };
    parallel_for(panels, threads_, token_, body);
    if (gradient_x) gradient_task().finish_paired(sums.data());
    finish();
  }

 private:
  GradientTask<T> gradient_task() { return {request_, producer_, engine_, job_, threads_, token_}; }

  void diagonal_gradient_of_form() {
    find_center(request_.x);
    prepare(request_.x, engine_.mr, producer_.cross, false, x_);
    prepare(request_.x, engine_.nr, 1.0, false, y_);
    job_.x = x_.operand;
    job_.y = y_.operand;
    gradient_task().run_paired();
    finish();
  }

  // Closed forms take rows as they are and squared norms as their bias.
  static host::Producer make_producer(const GramRequest<T>& request) {
    if (request.output == Output::nearest) {  // -|x - gy|^2
      host::Producer producer;
      producer.cross = 2.0;
      producer.self = -1.0;
      producer.refine = true;
      return producer;
    }
    if (request.form == nullptr)
      return kernels[static_cast<int>(request.kernel->id)].producer(request.kernel->parameters);
    host::Producer producer;
    producer.self = 1.0;
    return producer;
  }

  static std::int64_t ceil_div(std::int64_t a, std::int64_t b) { return (a + b - 1) / b; }

  void check() const {
    const OrbitAction& action = *request_.action;
    if (request_.form != nullptr) request_.form->require_action(action);
    require(request_.x.columns == action.degree(), "x must have as many columns as the action");
    require(request_.y.data == nullptr || request_.y.columns == action.degree(),
            "y must have as many columns as the action");
    require(!producer_.manhattan || action.kind() == ActionKind::signed_permutations,
            "an L1 kernel needs signed permutations");
    const bool features =
        action.kind() == ActionKind::signed_permutations || action.kind() == ActionKind::matrices;
    require(request_.output != Output::packed || request_.y.data == nullptr,
            "the packed form is that of K(x, x)");
    if (request_.output == Output::nearest) {
      require(!request_.paired || request_.y.rows == request_.x.rows,
              "pairs of rows need as many rows of y as of x");
      require(action.order() <= (std::int64_t(1) << 24), "more elements than a float can number");
      return;
    }
    const bool scales = request_.output == Output::ard;
    if (request_.form != nullptr) {
      if (scales || request_.output == Output::gradient_x) check_form_derivatives(scales);
      return;
    }
    require(!scales || features,
            "derivatives for length scales per feature need permutations or full matrices");
    require(!scales || request_.kernel->id <= KernelId::matern52,
            "derivatives for length scales per feature need an RBF or Matern kernel");
  }

  void check_form_derivatives(bool scales) const {
    require(!scales || request_.form->base == FormBase::rbf,
            "derivatives for length scales per feature need an RBF or Matern kernel");
    if (request_.form->form < PairForm::permanents) return;
    for (const PointBlock& b : request_.action->blocks())
      require(b.points <= max_gradient_points,
              "derivatives of permanents of more than 20 points are out of reach");
  }

  // A kernel of the distance |x - gy|: rows may be shifted by any vector that the group fixes.
  bool stationary() const {
    return request_.form == nullptr && producer_.self != 0.0 && !producer_.unit_rows;
  }

  void fill_job() {
    job_.cross = producer_.cross;
    job_.self = producer_.self;
    job_.manhattan = producer_.manhattan;
    job_.unit_rows = producer_.unit_rows;
    job_.output = request_.output;
    job_.k = request_.k;
    job_.dk = request_.dk;
    job_.token = &token_;
    fill_elements();
    job_.x_depth = job_.g.d;
    const bool doubled = job_.g.has_signs || job_.g.kind == ActionKind::shifts;
    job_.depth = doubled ? 2 * job_.g.d : job_.g.d;
    if (request_.output == Output::nearest) {
      job_.refine = true;
      job_.elements = request_.elements;
      job_.paired = request_.paired;
    } else if (request_.form != nullptr) {
      fill_form();
    } else {
      fill_kernel();
    }
  }

  void fill_kernel() {
    job_.kernel = request_.kernel->id;
    std::copy(request_.kernel->parameters, request_.kernel->parameters + max_parameters,
              job_.parameters);
    job_.refine = producer_.refine || (sizeof(T) == 4 && stationary());
    job_.gradients = request_.kernel->gradients;
  }

  // Tables of averages over spheres take milliseconds to make: once per dimension and engine.
  const void* form_state(std::int64_t dimension) {
    static std::mutex mutex;
    static std::map<std::pair<const void*, std::int64_t>, Buffer<char>> states;
    const std::lock_guard<std::mutex> lock(mutex);
    Buffer<char>& state = states[{&engine_, dimension}];
    if (state.size() == 0) {
      state = Buffer<char>(engine_.form_state_size);
      engine_.make_form_state(job_, state.data());
    }
    return state.data();
  }

  void fill_form() {
    const ClosedForm& f = *request_.form;
    const auto convert = [](const std::vector<double>& from) {
      Buffer<T> to(static_cast<std::int64_t>(from.size()));
      for (std::size_t i = 0; i < from.size(); ++i)
        to[static_cast<std::int64_t>(i)] = static_cast<T>(from[i]);
      return to;
    };
    rates_ = convert(f.rates);
    form_values_ = convert(f.values);
    form_slopes_ = convert(f.slopes);
    job_.form.form = f.form;
    job_.form.base = f.base;
    job_.form.n_rates = static_cast<std::int64_t>(f.values.size()) / f.planes;
    job_.form.planes = request_.output == Output::gradient ? f.planes : 1;
    job_.form.rates = rates_.data();
    job_.form.values = form_values_.data();
    job_.form.slopes = form_slopes_.data();
    job_.gradients = static_cast<int>(job_.form.planes - 1);
    if (f.base == FormBase::powers) return;
    for (std::int64_t k = 0; k < job_.form.planes * job_.form.n_rates; ++k)
      job_.form.has_slopes = job_.form.has_slopes || form_slopes_[k] != T(0);
    const bool spherical = f.form == PairForm::rotations_2 || f.form == PairForm::orthogonal_2 ||
                           f.form == PairForm::sphere;
    if (spherical) job_.form.state = form_state(f.form == PairForm::sphere ? job_.g.d : 2);
  }

  void fill_elements() {
    const OrbitAction& a = *request_.action;
    Elements<T>& g = job_.g;
    g.kind = a.kind();
    g.order = a.order();
    g.d = a.degree();
    g.has_signs = a.has_signs();
    if (a.kind() == ActionKind::signed_permutations) {
      g.rows = a.rows().data();
      return;
    }
    if (a.kind() == ActionKind::shifts) {
      fill_shifts();
      return;
    }
    const std::vector<double>& entries = a.matrix_entries();
    matrices_ = Buffer<T>(static_cast<std::int64_t>(entries.size()));
    for (std::size_t i = 0; i < entries.size(); ++i)
      matrices_[static_cast<std::int64_t>(i)] = static_cast<T>(entries[i]);
    if (a.kind() == ActionKind::matrices) {
      g.matrices = matrices_.data();
      g.matrix_panels = pack_matrices(g.d, g.d, g.order);
      return;
    }
    g.blocks = a.blocks().data();
    g.n_blocks = static_cast<std::int64_t>(a.blocks().size());
    g.n_entries = a.n_entries();
    g.n_points = a.n_points();
    g.n_matrices = a.n_matrices();
    g.n_row_permutations = g.order / g.n_matrices;
    g.point_rows = a.rows().data();
    g.layout = a.layout().data();
    g.point_matrices = matrices_.data();
    g.point_terms = a.terms().empty() ? nullptr : a.terms().data();
    g.n_terms = static_cast<std::int64_t>(a.terms().size()) / g.n_matrices;
    // every matrix is one row of entries of the product <h, M>
    g.point_panels = pack_matrices(g.n_matrices, g.n_entries, 1);
  }

  void fill_shifts() {
    const OrbitAction& a = *request_.action;
    Elements<T>& g = job_.g;
    fourier_ = std::make_unique<FourierPlan<T>>(a.grid_shape());
    const std::int64_t size = fourier_->size();
    g.transform = fourier_->transform();
    g.channels = g.d / size;
    g.n_maps = a.n_matrices();
    g.grid_maps = a.rows().data();
    g.shifts = fourier_->shifts().data();
    g.grid_shape = a.grid_shape().data();
    g.grid_axes = static_cast<int>(a.grid_shape().size());
    g.grid_features = a.layout().data();
    for (std::int64_t h = 0; h < g.n_maps; ++h) {
      const std::vector<std::int32_t> map(a.rows().begin() + h * size,
                                          a.rows().begin() + (h + 1) * size);
      const std::vector<std::int32_t> rows = fourier_->rows(map);
      spectral_rows_.insert(spectral_rows_.end(), rows.begin(), rows.end());
    }
    g.spectral_rows = spectral_rows_.data();
    for (std::int64_t k = 0; k < g.d; ++k) {
      const auto point =
          static_cast<std::size_t>(fourier_->inputs()[static_cast<std::size_t>(k % size)]);
      input_layout_.push_back(a.layout()[static_cast<std::size_t>(k / size * size) + point]);
    }
    g.layout = input_layout_.data();
    if (request_.output == Output::gradient_x) fill_inverse();
  }

  // Where outputs of a transform stand as grid points, and among the inputs of the next.
  void fill_inverse() {
    Elements<T>& g = job_.g;
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
  const T* pack_matrices(std::int64_t rows, std::int64_t columns, std::int64_t count) {
    const std::int64_t panels = ceil_div(rows, engine_.mr);
    const std::int64_t size = panels * engine_.mr * columns;
    matrix_panels_ = Buffer<T>(count * size);
    for (std::int64_t e = 0; e < count; ++e) {
      for (std::int64_t p = 0; p < panels; ++p)
        engine_.pack(matrices_.data() + e * rows * columns, rows, columns, nullptr, 1.0, false,
                     engine_.mr, p, matrix_panels_.data() + e * size + p * engine_.mr * columns);
    }
    return matrix_panels_.data();
  }

  // The mean of the samples, averaged over the group: subtracting it changes no distance |x - gy|,
  // and what is left has the spread of the data instead of their offset, so squares cancel less.
  void find_center(MatrixView<const T> samples) {
    center_.assign(static_cast<std::size_t>(samples.columns), 0.0);
    if (!stationary() || samples.rows == 0) return;
    const std::int64_t d = samples.columns;
    std::vector<double> mean(center_);
    for (std::int64_t i = 0; i < samples.rows; ++i) {
      for (std::int64_t k = 0; k < d; ++k) mean[static_cast<std::size_t>(k)] += samples(i, k);
    }
    for (double& value : mean) {
      value /= static_cast<double>(samples.rows);
      job_.offset += std::fabs(producer_.self) * value * value;
    }
    const std::vector<double>& basis = request_.action->basis();
    if (!basis.empty()) {
      std::vector<double> turned(mean.size());
      for (std::size_t k = 0; k < mean.size(); ++k) {
        for (std::size_t c = 0; c < mean.size(); ++c)
          turned[c] += mean[k] * basis[k * mean.size() + c];
      }
      mean = turned;
    }
    request_.action->average(mean.data(), center_.data());
  }

  // Rows, squared norms and weights: rows shifted to the center, or of unit length, or as they are.
  void prepare_rows(MatrixView<const T> samples, Prepared<T>& out) {
    const std::int64_t n = samples.rows, d = samples.columns;
    const std::int64_t padded = n + 2 * (engine_.mr + engine_.nr);
    const bool turned = !request_.action->basis().empty();
    const bool copy = producer_.unit_rows || stationary() || turned;
    if (turned) out.turned = Buffer<T>(n * d);
    out.operand.n = n;
    out.operand.rows = samples.data;
    if (copy) out.rows = Buffer<T>(n * d);
    if (producer_.unit_rows) out.inverse_norm = Buffer<double>(n);
    if (producer_.power > 0) out.weight = Buffer<T>(padded);
    out.bias = Buffer<T>(padded);
    auto body = [&](std::int64_t task, int) {
      const std::int64_t end = std::min(n, (task + 1) * row_share);
      for (std::int64_t i = task * row_share; i < end; ++i) {
        T* to = copy ? out.rows.data() + i * d : nullptr;
        if (turned) turn_row(samples.row(i), out.turned.data() + i * d);
        prepare_row(turned ? out.turned.data() + i * d : samples.row(i), i, to, out);
      }
    };
    parallel_for(ceil_div(n, row_share), threads_, token_, body);
    // Where rows are made unit rows, refinement wants them as they were, and their norms.
    if (turned) out.operand.rows = out.turned.data();
    if (copy && !producer_.unit_rows) out.operand.rows = out.rows.data();
    out.operand.inverse_norm = out.inverse_norm.data();
    out.operand.bias = out.bias.data();
    out.operand.weight = producer_.power > 0 ? out.weight.data() : nullptr;
  }

  // to = from times the basis of the action's blocks.
  void turn_row(const T* from, T* to) const {
    const std::int64_t d = job_.g.d;
    const double* basis = request_.action->basis().data();
    std::vector<double> sum(static_cast<std::size_t>(d));
    for (std::int64_t k = 0; k < d; ++k) {
      const double value = from[k];
      for (std::int64_t c = 0; c < d; ++c)
        sum[static_cast<std::size_t>(c)] += value * basis[k * d + c];
    }
    for (std::int64_t c = 0; c < d; ++c) to[c] = static_cast<T>(sum[static_cast<std::size_t>(c)]);
  }

  void prepare_row(const T* from, std::int64_t i, T* to, Prepared<T>& out) const {
    const std::int64_t d = job_.g.d;
    double square = 0;
    for (std::int64_t k = 0; k < d; ++k) {
      const double value = from[k] - center_[static_cast<std::size_t>(k)];
      // the bias must be that of the rounded row, or distances between equal rows are not 0
      const double kept = to == nullptr ? value : static_cast<double>(static_cast<T>(value));
      if (to != nullptr) to[k] = static_cast<T>(value);
      square += kept * kept;
    }
    if (producer_.unit_rows) {
      const double norm = std::sqrt(square);
      const double scale = norm > 0 ? 1.0 / norm : 0.0;
      for (std::int64_t k = 0; k < d; ++k) to[k] = static_cast<T>(from[k] * scale);
      out.inverse_norm[i] = scale;
      if (producer_.power > 0) out.weight[i] = static_cast<T>(std::pow(norm, producer_.power));
      square = 1.0;  // a zero row keeps it: its angle to everything is then pi/2
    }
    out.bias[i] = static_cast<T>(producer_.self * square);
  }

  void prepare(MatrixView<const T> samples, int width, double scale, bool negated_copy,
               Prepared<T>& out) {
    prepare_rows(samples, out);
    const std::int64_t n = samples.rows, d = samples.columns;
    const std::int64_t depth = negated_copy ? 2 * d : d;
    const std::int64_t panels = ceil_div(n, width);
    out.panels = Buffer<T>(panels * width * depth);
    const std::int32_t* layout = job_.g.layout;
    auto body = [&](std::int64_t task, int) {
      const std::int64_t end = std::min(panels, (task + 1) * packing_share);
      for (std::int64_t p = task * packing_share; p < end; ++p)
        engine_.pack(out.rows.size() > 0 ? out.rows.data() : samples.data, n, d, layout, scale,
                     negated_copy, width, p, out.panels.data() + p * width * depth);
    };
    parallel_for(ceil_div(panels, packing_share), threads_, token_, body);
    out.operand.panels = out.panels.data();
  }

  void prepare_spectra(MatrixView<const T> samples, bool pairs, Prepared<T>& out) {
    prepare_rows(samples, out);
    const std::int64_t n = samples.rows, width = pairs ? engine_.mr : engine_.nr;
    const std::int64_t panels = ceil_div(n, width), scratch = engine_.spectra_scratch(job_.g);
    const std::int64_t size = width * (pairs ? job_.x_depth : job_.depth);
    const T* rows = out.rows.size() > 0 ? out.rows.data() : samples.data;
    out.panels = Buffer<T>(panels * size);
    Buffer<T> work(scratch * threads_);
    auto body = [&](std::int64_t p, int thread) {
      T* to = out.panels.data() + p * size;
      T* own = work.data() + thread * scratch;
      if (pairs) {
        engine_.pack_pair_spectra(rows, n, job_.g, producer_.cross, p, to, own);
      } else {
        engine_.pack_spectra(rows, n, job_.g, p, to, own);
      }
    };
    parallel_for(panels, threads_, token_, body);
    out.operand.panels = out.panels.data();
  }

  // The constant of the affine form is carried by the x side.
  void shift_bias(Prepared<T>& out) const {
    if (producer_.constant == 0.0) return;
    for (std::int64_t i = 0; i < out.operand.n; ++i)
      out.bias[i] = static_cast<T>(out.bias[i] + producer_.constant);
  }

  // The affine form of a kernel of the distance is rounded relative to the squares it cancels, so
  // its absolute error, which is the relative one of an RBF kernel, grows with the radius of the
  // data in length scales. From here on near pairs are worked out from differences; for the others
  // the kernel is small by then.
  void refine_if_large() {
    constexpr double large = 256;
    if (!stationary() || job_.refine) return;
    job_.refine = largest_bias(x_) + largest_bias(y_) > large;
  }
  static double largest_bias(const Prepared<T>& samples) {
    double most = 0;
    for (std::int64_t i = 0; i < samples.operand.n; ++i)
      most = std::max(most, std::fabs(static_cast<double>(samples.bias[i])));
    return most;
  }

  void pack_v() {
    const std::int64_t m = request_.v.rows, c = request_.v.columns, nr = engine_.nr;
    const std::int64_t panels = ceil_div(m, nr);
    v_ = Buffer<T>(panels * c * nr);
    for (std::int64_t j = 0; j < m; ++j) {
      for (std::int64_t k = 0; k < c; ++k) v_[((j / nr) * c + k) * nr + j % nr] = request_.v(j, k);
    }
    job_.v = v_.data();
    job_.v_columns = c;
  }

  // Multiply-adds of one tile; exponentials count as eight.
  double tile_cost() const {
    const double pairs = static_cast<double>(engine_.mr) * engine_.nr;
    if (request_.form != nullptr) {
      const double points = static_cast<double>(job_.g.n_points);
      const bool permanent = job_.form.form >= PairForm::permanents;
      const double own = permanent ? points * std::exp2(std::min(points, 30.0))
                         : job_.form.base == FormBase::powers ? 8.0
                                                              : 500.0;
      return pairs * static_cast<double>(job_.g.n_row_permutations * job_.form.n_rates) *
             (own + 20.0 * static_cast<double>(job_.g.d));
    }
    const double products =
        job_.g.kind == ActionKind::shifts ? 16.0 * job_.g.channels : static_cast<double>(job_.g.d);
    return pairs * static_cast<double>(job_.g.order) * (products + 8);
  }

  // x panels a block holds: enough work to amortise the block's own, little enough to balance
  // threads and to keep the sums in cache.
  std::int64_t block_panels(std::int64_t x_panels, std::int64_t columns) const {
    const std::int64_t planes = request_.output == Output::ard        ? 1 + job_.g.d
                                : request_.output == Output::gradient ? 1 + job_.gradients
                                : request_.output == Output::nearest  ? 2
                                                                      : 1;
    const double bytes = static_cast<double>(engine_.mr) * engine_.nr * sizeof(T) *
                         static_cast<double>(planes + job_.v_columns);
    const double by_cache = 131072.0 / bytes;
    const double by_cost = 2e7 / tile_cost();
    const double by_balance =
        static_cast<double>(x_panels) * static_cast<double>(columns) / (8.0 * threads_);
    // matrices form panels of gy once per block: give each block enough rows to pay for them
    const double least =
        job_.g.kind == ActionKind::matrices ? static_cast<double>(job_.g.d) / engine_.mr : 1.0;
    double panels = std::min(by_cache, std::max(by_cost, least));
    panels = std::min(panels, by_balance);
    return std::max<std::int64_t>(
        1, std::min<std::int64_t>(x_panels, static_cast<std::int64_t>(panels)));
  }

  Buffer<T> scratch_for(std::int64_t panels) {
    // Whole cache lines, and a page apart, so that threads never share a line.
    scratch_size_ = ceil_div(engine_.scratch_size(job_, panels) + 512, 64) * 64;
    return Buffer<T>(scratch_size_ * threads_);
  }

  // New memory gets its pages when first written. Threads that meet in one page wait for each
  // other, and mirrored tiles make them meet everywhere; so every thread opens pages of its own
  // before the work begins.
  void open_pages(T* data, std::int64_t size) {
    constexpr std::int64_t page = 4096 / sizeof(T), share = (std::int64_t(1) << 21) / sizeof(T);
    if (data == nullptr || size < 2 * share) return;
    auto body = [&](std::int64_t task, int) {
      const std::int64_t end = std::min(size, (task + 1) * share);
      for (std::int64_t i = task * share; i < end; i += page) {
        volatile T* at = data + i;
        *at = T(0);
      }
    };
    parallel_for(ceil_div(size, share), threads_, token_, body);
  }

  void run_blocks() {
    const std::int64_t n = request_.x.rows;
    const std::int64_t m = request_.y.data == nullptr ? n : request_.y.rows;
    const std::int64_t x_panels = ceil_div(n, engine_.mr), columns = ceil_div(m, engine_.nr);
    const bool matvec = request_.output == Output::matvec;
    if (!matvec) {
      const std::int64_t derivatives = request_.output == Output::gradient ? job_.gradients
                                       : request_.output == Output::ard    ? job_.g.d
                                                                           : 0;
      if (!request_.paired)
        open_pages(request_.k, request_.output == Output::packed ? n * (n + 1) / 2 : n * m);
      open_pages(request_.dk, n * m * derivatives);
    }
    const std::int64_t size = block_panels(x_panels, matvec ? 1 : columns);
    std::vector<Block> blocks;
    for (std::int64_t q = matvec ? 0 : columns - 1; q >= 0; --q) {
      if (request_.paired) {  // tiles on the diagonal
        const std::int64_t last = std::min(n, (q + 1) * engine_.nr);
        for (std::int64_t p = q * engine_.nr / engine_.mr; p * engine_.mr < last; ++p)
          blocks.push_back({q, p, p + 1});
        continue;
      }
      const std::int64_t end = job_.symmetric
                                   ? std::min(x_panels, ceil_div((q + 1) * engine_.nr, engine_.mr))
                                   : x_panels;
      for (std::int64_t p = 0; p < end; p += size)
        blocks.push_back({q, p, std::min(end, p + size)});
    }
    Buffer<T> scratch = scratch_for(size);
    auto body = [&](std::int64_t task, int thread) {
      engine_.run(job_, blocks[static_cast<std::size_t>(task)],
                  scratch.data() + thread * scratch_size_, thread);
    };
    parallel_for(static_cast<std::int64_t>(blocks.size()), threads_, token_, body);
  }

  void finish() const {
    if (token_.stopped()) throw Interrupted();
  }

  const GramRequest<T>& request_;
  StopToken& token_;
  const Engine<T>& engine_;
  host::Producer producer_;
  int threads_;
  std::int64_t scratch_size_ = 0;
  Job<T> job_;
  Prepared<T> x_, y_;
  Buffer<T> matrices_, matrix_panels_, v_, rates_, form_values_, form_slopes_;
  std::vector<double> center_;
  std::unique_ptr<FourierPlan<T>> fourier_;
  std::vector<std::int32_t> spectral_rows_, input_layout_, natural_rows_, mirrored_, places_;
};

}  // namespace

namespace {

constexpr const char* form_names[pair_form_count] = {
    "none",         "rotations_2", "orthogonal_2",         "rotations_3",
    "orthogonal_3", "octahedral",  "octahedral_rotations", "sphere",
    "sign_flips",   "permanents",  "signed_permanents"};

}  // namespace

namespace {

PairForm form_by_name(const std::string& name) {
  for (int i = 1; i < pair_form_count; ++i) {
    if (name == form_names[i]) return static_cast<PairForm>(i);
  }
  throw std::invalid_argument("unknown closed form: " + name);
}

std::vector<double> entries(MatrixView<const double> m) {
  return std::vector<double>(m.data, m.data + m.rows * m.columns);
}

}  // namespace

ClosedForm ClosedForm::by_name(const std::string& name, std::vector<double> rates,
                               MatrixView<const double> values, MatrixView<const double> slopes,
                               const std::string& base) {
  const auto n = static_cast<std::int64_t>(rates.size());
  require(n > 0, "rates must not be empty");
  for (const double rate : rates) require(rate > 0, "rates must be positive");
  require(
      values.rows > 0 && values.columns == n && slopes.rows == values.rows && slopes.columns == n,
      "values and slopes must have one row per plane and one column per rate");
  require(base == "rbf" || base == "laplacian", "the base must be rbf or laplacian");
  const bool laplacian = base == "laplacian";
  const PairForm form = form_by_name(name);
  require(!laplacian || form >= PairForm::sign_flips,
          "the Laplacian kernel has closed forms over sign flips and permutations only");
  return {form,
          laplacian ? FormBase::laplacian : FormBase::rbf,
          std::move(rates),
          entries(values),
          entries(slopes),
          values.rows};
}

ClosedForm ClosedForm::of_powers(const std::string& name, MatrixView<const double> values) {
  require(values.rows > 0 && values.columns > 0,
          "values must have one row per plane and one column per power");
  require(values.rows <= max_form_planes, "closed forms of powers have at most two derivatives");
  const PairForm form = form_by_name(name);
  require(form <= PairForm::orthogonal_3 || form == PairForm::sphere,
          "moments are known for rotations, orthogonal groups and spheres only");
  return {form, FormBase::powers, {}, entries(values), {}, values.rows};
}

void ClosedForm::require_action(const OrbitAction& action) const {
  require(action.kind() == ActionKind::points && action.n_matrices() == 1,
          "a closed form needs an action on points");
  const std::int64_t rows = action.order();
  const std::vector<PointBlock>& blocks = action.blocks();
  const bool planar = form == PairForm::rotations_2 || form == PairForm::orthogonal_2;
  const bool spatial = form >= PairForm::rotations_3 && form <= PairForm::octahedral_rotations;
  const std::int64_t dimension = planar ? 2 : spatial ? 3 : 0;
  for (const PointBlock& b : blocks) {
    require(dimension == 0 || b.dimension == dimension,
            "the form needs points of another dimension");
  }
  const bool one_block = spatial || form == PairForm::orthogonal_2 || base == FormBase::powers;
  require(!one_block || blocks.size() == 1, "the form needs a single block of points");
  require(form < PairForm::sphere || rows == 1, "the form takes no row permutations");
  if (form < PairForm::permanents) return;
  for (const PointBlock& b : blocks)
    require(b.points <= max_form_points, "permanents of more than 24 points are out of reach");
}

BaseKernel BaseKernel::by_name(const std::string& name, const std::vector<double>& parameters) {
  for (int i = 0; i < kernel_count; ++i) {
    if (name != kernels[i].name) continue;
    require(static_cast<int>(parameters.size()) == kernels[i].parameters,
            "wrong number of kernel parameters");
    BaseKernel kernel = {static_cast<KernelId>(i), {0, 0, 0}, kernels[i].gradients};
    std::copy(parameters.begin(), parameters.end(), kernel.parameters);
    return kernel;
  }
  throw std::invalid_argument("unknown base kernel: " + name);
}

template <class T>
void gram(const GramRequest<T>& request, StopToken& token) {
  Driver<T>(request, token).gram();
}

template <class T>
void diagonal(const GramRequest<T>& request, StopToken& token) {
  Driver<T>(request, token).diagonal();
}

template void gram<double>(const GramRequest<double>&, StopToken&);
template void gram<float>(const GramRequest<float>&, StopToken&);
template void diagonal<double>(const GramRequest<double>&, StopToken&);
template void diagonal<float>(const GramRequest<float>&, StopToken&);

}  // namespace symkernel
