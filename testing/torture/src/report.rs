//! The figures of a run: as a table for people, as JSON for programs.

use comfy_table::{CellAlignment, Table, presets};

/// Figures in the order of the table.
#[derive(Clone, Debug, Default)]
pub struct Figures(Vec<(String, u64)>);

impl Figures {
    /// Adds a figure; a value that does not fit becomes `u64::MAX`.
    pub(crate) fn add(&mut self, name: &str, figure: impl TryInto<u64>) {
        self.0.push((name.to_owned(), figure.try_into().unwrap_or(u64::MAX)));
    }

    pub(crate) fn with(mut self, more: Self) -> Self {
        self.0.extend(more.0);
        self
    }

    /// The figure with a name.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<u64> {
        self.0.iter().find(|(known, _)| known == name).map(|(_, figure)| *figure)
    }

    /// A table with two columns.
    #[must_use]
    pub fn table(&self) -> String {
        let mut table = Table::new();
        table.load_style(presets::NOTHING);
        for (name, figure) in &self.0 {
            table.add_row([name.clone(), figure.to_string()]);
        }
        if let Some(column) = table.column_mut(1) {
            column.set_cell_alignment(CellAlignment::Right);
        }
        table.to_string()
    }

    /// A JSON object.
    #[must_use]
    pub fn json(&self) -> serde_json::Value {
        let members = self.0.iter().map(|(name, figure)| (name.clone(), (*figure).into()));
        serde_json::Value::Object(members.collect())
    }
}
