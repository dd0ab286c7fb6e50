//! Transforms made of transforms.

mod random_apply;
mod random_choice;
mod random_order;

pub use random_apply::RandomApply;
pub use random_choice::RandomChoice;
pub use random_order::RandomOrder;

use super::Transform;

/// # Errors
/// If the list is empty, or one of it cannot be or has no place in a list.
fn check_members(list: &[Transform]) -> Result<(), String> {
    if list.is_empty() {
        return Err("transforms is empty: at least one is needed".to_owned());
    }
    for member in list {
        if member.makes_numbers() {
            return Err(format!(
                "{} cannot be done at random: put it at the end of the pipeline",
                member.name()
            ));
        }
        if member.views() > 1 {
            return Err(format!("{} gives several views: it has no place in a list", member.name()));
        }
        member.check().map_err(|error| error.to_string())?;
    }
    Ok(())
}
