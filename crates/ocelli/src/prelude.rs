//! What most programs use: `use ocelli::prelude::*;`.

pub use ocelli_data::{
    Batch, DataError, Dataset, Image, Loader, LoaderOptions, OpenOptions, Pipeline, Source, SourceOptions,
    Splits, Transform, open,
};
pub use ocelli_model::{Classifier, ModelError, PredictOptions, Prediction, Predictor};
pub use ocelli_nn::plan::{InferPlan, PlanOptions, SampleKeys, TrainPlan};
pub use ocelli_nn::{
    Conv2d, Layer, Linear, MaxPool2d, Network, NetworkError, Sequential, Shape, Summary, Tensor, Weights, zoo,
};
pub use ocelli_train::{
    Adam, AdamW, CrossEntropy, Event, Observer, Optimizer, Outcome, Recipe, RecipeBuilder, Resume, Run,
    RunOptions, Schedule, Sgd, TrainError, evaluate, measure,
};
