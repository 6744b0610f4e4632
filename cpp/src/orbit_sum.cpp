#include "orbit_sum.hpp"

#include <algorithm>
#include <cmath>
#include <map>
#include <memory>
#include <mutex>

#include "action_tables.hpp"
#include "gradient_x.hpp"
#include "matvec.hpp"
#include "request_checks.hpp"
#include "samples.hpp"
#include "symkernel/base_kernels.hpp"
#include "symkernel/decide/refine.hpp"
#include "symkernel/error.hpp"

namespace symkernel {

bool stop_requested(StopToken* token, int thread) {
  token->poll(thread);
  return token->stopped();
}

namespace {

template <class T>
class Driver {
 public:
  Driver(const GramRequest<T>& request, StopToken& token)
      : request_(request),
        token_(token),
        tables_(make_tables(request)),
        engine_(tables_->engine()),
        producer_(make_producer(request)),
        threads_(resolve_threads(request.n_threads)) {
    check();
    fill_job();
  }

  void gram() {
    const bool symmetric = request_.y.data == nullptr;
    prepare(symmetric);
    const double y_scale = producer_.manhattan ? producer_.cross : 1.0;
    x_ = xs_->operand(Side::x, producer_.cross, producer_.self, producer_.constant, true, threads_,
                      token_);
    y_ = ys_->operand(Side::y, y_scale, producer_.self, 0.0, true, threads_, token_);
    set_operands();
    if (request_.output == Output::gradient_x) {
      gradient_task().run();
    } else if (request_.output == Output::matvec) {
      ProductTask<T> product(request_, engine_, job_, threads_, token_);
      const std::int64_t columns = product.symmetric() ? ceil_div(job_.y.n, engine_.nr) : 1;
      product.run(block_panels(ceil_div(job_.x.n, engine_.mr), columns));
    } else {
      job_.symmetric = symmetric && request_.elements == nullptr;
      run_blocks();
    }
    finish();
  }

  void diagonal() {
    require(job_.g.kind != ActionKind::shifts, "a diagonal needs elements, not a transform");
    const bool gradient_x = request_.output == Output::gradient_x;
    require(request_.form == nullptr || gradient_x, "a diagonal needs a base kernel");
    prepare(true);
    if (request_.form != nullptr) {
      x_ = xs_->operand(Side::x, producer_.cross, producer_.self, 0.0, true, threads_, token_);
      y_ = ys_->operand(Side::y, 1.0, producer_.self, 0.0, true, threads_, token_);
      set_operands();
      gradient_task().run_paired();
      finish();
      return;
    }
    // The operands are the same samples in panels of nr; the scale is applied to the product.
    const double y_scale = producer_.manhattan ? producer_.cross : 1.0;
    y_ = ys_->operand(Side::y, y_scale, producer_.self, 0.0, true, threads_, token_);
    x_ = xs_->operand(Side::x, 1.0, producer_.self, producer_.constant, false, threads_, token_);
    if (sizeof(T) == 4) job_.harmless = 0;  // K(x, x) is exact
    set_operands();
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

  // Closed forms take rows as they are and squared norms as their bias.
  static host::Producer make_producer(const GramRequest<T>& request) {
    if (request.output == Output::nearest) {  // -|x - gy|^2
      host::Producer producer;
      producer.cross = 2.0;
      producer.self = -1.0;
      producer.refine = true;
      return producer;
    }
    if (request.form == nullptr) return producer_of(*request.kernel);
    host::Producer producer;
    producer.self = 1.0;
    return producer;
  }

  // Samples that were prepared bring their own.
  static std::shared_ptr<const ActionTables<T>> make_tables(const GramRequest<T>& request) {
    if (request.prepared_y != nullptr) return request.prepared_y->tables();
    if (request.prepared_x != nullptr) return request.prepared_x->tables();
    return tables_of(*request.action, engine<T>());
  }

  static std::int64_t ceil_div(std::int64_t a, std::int64_t b) { return (a + b - 1) / b; }

  SampleKind kind() const { return SampleKind::of(producer_, stationary()); }

  // Both sides, shifted to the mean of y: samples that come prepared, if they are as needed.
  void prepare(bool symmetric) {
    const Samples<T>* prepared_y = symmetric ? request_.prepared_x : request_.prepared_y;
    ys_ = use(prepared_y, own_y_, symmetric ? request_.x : request_.y, nullptr);
    xs_ = symmetric ? ys_ : use(request_.prepared_x, own_x_, request_.x, &ys_->center());
    job_.offset = std::fabs(producer_.self) * ys_->mean_square();
  }

  const Samples<T>* use(const Samples<T>* prepared, std::unique_ptr<const Samples<T>>& own,
                        MatrixView<const T> rows, const std::vector<double>* center) {
    if (prepared != nullptr && prepared->tables() == tables_ && prepared->kind() == kind() &&
        (center == nullptr || prepared->center() == *center))
      return prepared;
    own =
        std::make_unique<const Samples<T>>(tables_, kind(), rows, center, false, threads_, token_);
    return own.get();
  }

  void set_operands() {
    job_.x = x_.operand;
    job_.y = y_.operand;
    decide_refinement();
  }

  void check() const {
    check_request(request_, producer_.manhattan, false);
    require(request_.output != Output::packed || request_.y.data == nullptr,
            "the packed form is that of K(x, x)");
    if (request_.output != Output::nearest) return;
    require(!request_.paired || request_.y.rows == request_.x.rows,
            "pairs of rows need as many rows of y as of x");
    require(request_.action->order() <= (std::int64_t(1) << 24),
            "more elements than a float can number");
  }

  bool stationary() const { return request_.form == nullptr && host::is_stationary(producer_); }

  void fill_job() {
    job_.cross = producer_.cross;
    job_.self = producer_.self;
    job_.manhattan = producer_.manhattan;
    job_.unit_rows = producer_.unit_rows;
    job_.output = request_.output;
    job_.k = request_.k;
    job_.dk = request_.dk;
    job_.token = &token_;
    job_.g = tables_->elements();
    job_.x_depth = job_.g.d;
    const bool doubled = job_.g.has_signs || job_.g.kind == ActionKind::shifts;
    job_.depth = doubled ? 2 * job_.g.d : job_.g.d;
    if (request_.output == Output::nearest) {
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
    // (in single precision derivatives for x of near pairs want all their digits)
    const bool exact = sizeof(T) == 4 && request_.output == Output::gradient_x;
    if (host::is_stationary(producer_) && !exact)
      job_.harmless = host::harmless_bias<T>(request_.kernel->traits().flatness);
    job_.gradients = request_.kernel->gradients;
    fill_weights();
  }

  // Relative to 1/|G|, in the order in which the engine counts the elements.
  void fill_weights() {
    const std::vector<double>& given = request_.kernel->weights;
    const bool shifts = job_.g.kind == ActionKind::shifts;
    weights_ = Buffer<T>(std::max<std::int64_t>(1, static_cast<std::int64_t>(given.size())));
    weights_[0] = T(1);
    for (std::size_t e = 0; e < given.size(); ++e) {
      const std::size_t size = shifts ? static_cast<std::size_t>(job_.g.transform.size) : 1;
      const std::size_t own = shifts ? static_cast<std::size_t>(job_.g.shifts[e % size]) : 0;
      weights_[static_cast<std::int64_t>(e)] =
          static_cast<T>(given[e / size * size + own] * static_cast<double>(job_.g.order));
    }
    job_.weights = weights_.data();
    job_.weight_step = given.empty() ? 0 : 1;
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

  // Most data are smooth on the scale of the kernel: nobody then needs to look for near pairs.
  void decide_refinement() {
    if (request_.form != nullptr) return;
    const double largest = xs_->largest_square() + ys_->largest_square();
    job_.refine =
        host::may_refine(producer_, job_.harmless,
                         std::fabs(producer_.self) * largest + std::fabs(producer_.constant));
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
    const std::int64_t derivatives = request_.output == Output::gradient ? job_.gradients
                                     : request_.output == Output::ard    ? job_.g.d
                                                                         : 0;
    if (!request_.paired)
      open_pages(request_.k, request_.output == Output::packed ? n * (n + 1) / 2 : n * m);
    open_pages(request_.dk, n * m * derivatives);
    const std::int64_t size = block_panels(x_panels, columns);
    std::vector<Block> blocks;
    for (std::int64_t q = columns - 1; q >= 0; --q) {
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
  std::shared_ptr<const ActionTables<T>> tables_;
  const Engine<T>& engine_;
  host::Producer producer_;
  int threads_;
  std::int64_t scratch_size_ = 0;
  Job<T> job_;
  std::unique_ptr<const Samples<T>> own_x_, own_y_;
  const Samples<T>* xs_ = nullptr;
  const Samples<T>* ys_ = nullptr;
  PreparedOperand<T> x_, y_;
  Buffer<T> rates_, form_values_, form_slopes_, weights_;
};

constexpr const char* form_names[pair_form_count] = {
    "none",         "rotations_2", "orthogonal_2",         "rotations_3",
    "orthogonal_3", "octahedral",  "octahedral_rotations", "sphere",
    "sign_flips",   "permanents",  "signed_permanents"};

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

SampleKind kind_of(const BaseKernel& kernel) {
  const host::Producer producer = producer_of(kernel);
  return SampleKind::of(producer, host::is_stationary(producer));
}

SampleKind kind_of(const ClosedForm&) { return {}; }

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
