//! A tree of ranked lines. Every branch stores its smallest quantity, so that the first line that
//! is small enough is found on one path. Clones share all branches.

use std::sync::Arc;

use super::ranking::{Entry, Rank};

/// The maximum number of entries or branches of a node.
const NODE_ITEMS_MAX: usize = 32;

/// Ranked lines, in rank order.
#[derive(Clone, Debug, Default)]
pub(super) struct Tree {
    root: Arc<Node>,
}

#[derive(Clone, Debug)]
enum Node {
    Entries(Vec<Entry>),
    Branches(Vec<Branch>),
}

#[derive(Clone, Debug)]
struct Branch {
    first: Rank,
    quantity_min: u32,
    node: Arc<Node>,
}

impl Default for Node {
    fn default() -> Self {
        Self::Entries(Vec::new())
    }
}

impl Tree {
    pub(super) fn insert(&mut self, entry: Entry) {
        let root = Arc::make_mut(&mut self.root);
        if let Some(upper) = root.insert(entry) {
            let lower = Branch::of(std::mem::take(root));
            *root = Node::Branches(vec![lower, upper]);
        }
    }

    pub(super) fn remove(&mut self, rank: Rank) -> Option<Entry> {
        let root = Arc::make_mut(&mut self.root);
        let removed = root.remove(rank);
        while let Node::Branches(branches) = root {
            match branches.len() {
                0 => *root = Node::default(),
                1 => *root = branches[0].node.as_ref().clone(),
                _ => break,
            }
        }
        removed
    }

    /// The smallest quantity; `None` if there are no lines.
    pub(super) fn quantity_min(&self) -> Option<u32> {
        self.root.quantity_min()
    }

    /// The first line with at most this quantity.
    pub(super) fn first_within(&self, quantity: u32) -> Option<&Entry> {
        let mut node = &self.root;
        loop {
            match &**node {
                Node::Entries(entries) => return entries.iter().find(|it| it.quantity <= quantity),
                Node::Branches(branches) => {
                    node = &branches.iter().find(|it| it.quantity_min <= quantity)?.node;
                }
            }
        }
    }

    /// The last line before a rank; the last of all without one.
    pub(super) fn last_before(&self, rank: Option<Rank>) -> Option<&Entry> {
        let before = |it: Rank| rank.is_none_or(|rank| it < rank);
        let mut node = &self.root;
        loop {
            match &**node {
                Node::Entries(entries) => return entries.iter().rfind(|it| before(it.rank)),
                Node::Branches(branches) => {
                    node = &branches.iter().rfind(|it| before(it.first))?.node;
                }
            }
        }
    }

    /// Appends all lines, in rank order.
    pub(super) fn collect<'a>(&'a self, into: &mut Vec<&'a Entry>) {
        self.root.collect(into);
    }
}

impl Node {
    /// Inserts an entry; returns the upper half if the node had to be split.
    fn insert(&mut self, entry: Entry) -> Option<Branch> {
        match self {
            Self::Entries(entries) => {
                let at = match entries.last() {
                    Some(last) if entry.rank < last.rank => {
                        entries.partition_point(|it| it.rank < entry.rank)
                    }
                    // Most entries are appended, which needs no search.
                    _ => entries.len(),
                };
                let upper = insert_at(entries, at, entry)?;
                Some(Branch::of(Self::Entries(upper)))
            }
            Self::Branches(branches) => {
                let at = branch_of(branches, entry.rank);
                let branch = &mut branches[at];
                branch.first = branch.first.min(entry.rank);
                branch.quantity_min = branch.quantity_min.min(entry.quantity);
                let upper = Arc::make_mut(&mut branch.node).insert(entry)?;
                branch.update_bounds();
                let upper = insert_at(branches, at + 1, upper)?;
                Some(Branch::of(Self::Branches(upper)))
            }
        }
    }

    fn remove(&mut self, rank: Rank) -> Option<Entry> {
        match self {
            Self::Entries(entries) => {
                let at = entries.binary_search_by_key(&rank, |it| it.rank).ok()?;
                Some(entries.remove(at))
            }
            Self::Branches(branches) => {
                let at = branch_of(branches, rank);
                let branch = &mut branches[at];
                let removed = Arc::make_mut(&mut branch.node).remove(rank)?;
                if branch.node.is_empty() {
                    branches.remove(at);
                } else {
                    branch.update_bounds();
                }
                Some(removed)
            }
        }
    }

    fn is_empty(&self) -> bool {
        match self {
            Self::Entries(entries) => entries.is_empty(),
            Self::Branches(branches) => branches.is_empty(),
        }
    }

    fn first(&self) -> Option<Rank> {
        match self {
            Self::Entries(entries) => entries.first().map(|it| it.rank),
            Self::Branches(branches) => branches.first().map(|it| it.first),
        }
    }

    fn quantity_min(&self) -> Option<u32> {
        match self {
            Self::Entries(entries) => entries.iter().map(|it| it.quantity).min(),
            Self::Branches(branches) => branches.iter().map(|it| it.quantity_min).min(),
        }
    }

    fn collect<'a>(&'a self, into: &mut Vec<&'a Entry>) {
        match self {
            Self::Entries(entries) => into.extend(entries),
            Self::Branches(branches) => branches.iter().for_each(|it| it.node.collect(into)),
        }
    }
}

impl Branch {
    fn of(node: Node) -> Self {
        let first = Rank { held: false, inverse_priority: 0, number: 0 };
        let mut branch = Self { first, quantity_min: 0, node: Arc::new(node) };
        branch.update_bounds();
        branch
    }

    fn update_bounds(&mut self) {
        self.first = self.node.first().expect("a branch is not empty");
        self.quantity_min = self.node.quantity_min().expect("a branch is not empty");
    }
}

/// The index of the branch that contains a rank or would contain it.
fn branch_of(branches: &[Branch], rank: Rank) -> usize {
    if branches.last().is_some_and(|it| it.first <= rank) {
        return branches.len() - 1;
    }
    branches.partition_point(|it| it.first <= rank).saturating_sub(1)
}

/// Inserts an item at an index and returns the items that were split off from a full node. Most
/// items are appended; then no item is moved and nodes stay full. No node allocates capacity for
/// more than [`NODE_ITEMS_MAX`] items.
fn insert_at<T>(items: &mut Vec<T>, at: usize, item: T) -> Option<Vec<T>> {
    if items.len() < NODE_ITEMS_MAX {
        if items.len() == items.capacity() {
            let capacity = (2 * items.len()).clamp(4, NODE_ITEMS_MAX);
            items.reserve_exact(capacity - items.len());
        }
        items.insert(at, item);
        return None;
    }
    let cut = if at == items.len() { at } else { NODE_ITEMS_MAX / 2 };
    let mut upper = items.split_off(cut);
    if at < cut {
        items.insert(at, item);
    } else {
        upper.insert(at - cut, item);
    }
    Some(upper)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn appended_items_leave_full_nodes_without_spare_capacity() {
        let mut nodes = vec![Vec::new()];
        for number in 0..100 {
            let last = nodes.last_mut().unwrap();
            let at = last.len();
            let upper = insert_at(last, at, number);
            nodes.extend(upper);
        }
        assert!(nodes.iter().rev().skip(1).all(|it| it.len() == NODE_ITEMS_MAX));
        assert!(nodes.iter().all(|it| it.capacity() <= NODE_ITEMS_MAX));
        let mut copy: Vec<_> = (0..NODE_ITEMS_MAX - 3).collect();
        insert_at(&mut copy, 0, 0);
        assert!(copy.capacity() <= NODE_ITEMS_MAX, "also if a copy had no spare capacity");
        assert!(nodes.concat().into_iter().eq(0..100));
    }

    #[test]
    fn an_item_inserted_between_goes_to_its_half() {
        for index in 0..NODE_ITEMS_MAX {
            let mut lower: Vec<_> = (0..NODE_ITEMS_MAX).map(|it| 2 * it).collect();
            let upper = insert_at(&mut lower, index, 2 * index).unwrap();
            assert!(lower.len() >= NODE_ITEMS_MAX / 2 && upper.len() >= NODE_ITEMS_MAX / 2);
            lower.extend(upper);
            assert!(lower.is_sorted() && lower.len() == NODE_ITEMS_MAX + 1);
        }
    }
}
