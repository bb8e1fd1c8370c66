//! Ranked lines in a tree that knows the smallest quantity of every branch, so that the first line
//! that is small enough is found without looking at the others. Clones share all branches.

use std::sync::Arc;

use super::ranking::{Entry, Rank};

/// A node has at most so many parts.
const PARTS_MAX: usize = 32;

/// Ranked lines, the first served first.
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

    /// The smallest quantity; none: there is no line.
    pub(super) fn quantity_min(&self) -> Option<u32> {
        self.root.quantity_min()
    }

    /// The first line that wants at most so many units.
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

    /// The last line before a rank; without one, the last.
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

    /// All lines, first served first.
    pub(super) fn collect<'a>(&'a self, into: &mut Vec<&'a Entry>) {
        self.root.collect(into);
    }
}

impl Node {
    /// Inserts an entry; what does not fit any more is split off.
    fn insert(&mut self, entry: Entry) -> Option<Branch> {
        match self {
            Self::Entries(entries) => {
                let at = match entries.last() {
                    Some(last) if entry.rank < last.rank => {
                        entries.partition_point(|it| it.rank < entry.rank)
                    }
                    // What lies before is not looked at.
                    _ => entries.len(),
                };
                let upper = put(entries, at, entry)?;
                Some(Branch::of(Self::Entries(upper)))
            }
            Self::Branches(branches) => {
                let at = branch_of(branches, entry.rank);
                let branch = &mut branches[at];
                branch.first = branch.first.min(entry.rank);
                branch.quantity_min = branch.quantity_min.min(entry.quantity);
                let upper = Arc::make_mut(&mut branch.node).insert(entry)?;
                branch.measure();
                let upper = put(branches, at + 1, upper)?;
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
                    branch.measure();
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
        let first = Rank { held: false, unimportance: 0, number: 0 };
        let mut branch = Self { first, quantity_min: 0, node: Arc::new(node) };
        branch.measure();
        branch
    }

    fn measure(&mut self) {
        self.first = self.node.first().expect("a branch has lines");
        self.quantity_min = self.node.quantity_min().expect("a branch has lines");
    }
}

/// The branch that holds or would hold a rank.
fn branch_of(branches: &[Branch], rank: Rank) -> usize {
    if branches.last().is_some_and(|it| it.first <= rank) {
        return branches.len() - 1;
    }
    branches.partition_point(|it| it.first <= rank).saturating_sub(1)
}

/// Puts a part into its place; where there is no room for it, what comes later is split off. Most
/// come last, so those before stay together then: nodes are full, and none has room for more than
/// it may have.
fn put<T>(parts: &mut Vec<T>, at: usize, part: T) -> Option<Vec<T>> {
    if parts.len() < PARTS_MAX {
        if parts.len() == parts.capacity() {
            let room = (2 * parts.len()).clamp(4, PARTS_MAX);
            parts.reserve_exact(room - parts.len());
        }
        parts.insert(at, part);
        return None;
    }
    let cut = if at == parts.len() { at } else { PARTS_MAX / 2 };
    let mut upper = parts.split_off(cut);
    if at < cut {
        parts.insert(at, part);
    } else {
        upper.insert(at - cut, part);
    }
    Some(upper)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_that_come_last_leave_full_nodes_and_none_has_room_to_spare() {
        let mut nodes = vec![Vec::new()];
        for number in 0..100 {
            let last = nodes.last_mut().unwrap();
            let at = last.len();
            let upper = put(last, at, number);
            nodes.extend(upper);
        }
        assert!(nodes.iter().rev().skip(1).all(|it| it.len() == PARTS_MAX));
        assert!(nodes.iter().all(|it| it.capacity() <= PARTS_MAX));
        let mut copy: Vec<_> = (0..PARTS_MAX - 3).collect();
        put(&mut copy, 0, 0);
        assert!(copy.capacity() <= PARTS_MAX, "also where a copy had none to spare");
        assert!(nodes.concat().into_iter().eq(0..100));
    }

    #[test]
    fn a_part_that_comes_between_goes_to_its_half() {
        for place in 0..PARTS_MAX {
            let mut lower: Vec<_> = (0..PARTS_MAX).map(|it| 2 * it).collect();
            let upper = put(&mut lower, place, 2 * place).unwrap();
            assert!(lower.len() >= PARTS_MAX / 2 && upper.len() >= PARTS_MAX / 2);
            lower.extend(upper);
            assert!(lower.is_sorted() && lower.len() == PARTS_MAX + 1);
        }
    }
}
