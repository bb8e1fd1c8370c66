//! The kinds of aggregates of a service, with the type-erased functions that decode and load them.

use std::any::{Any, TypeId, type_name};
use std::collections::BTreeMap;
use std::sync::Arc;

use crate::model::aggregate::{Aggregate, AnyRecorder, EventBox, Recorder, Rules};
use crate::model::kernel_event::{KERNEL, KernelEvent};
use crate::model::message::{Event, Key};
use crate::ports::log::StoreError;

/// The index of a kind of aggregate in its service's table; 0 is the kernel itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct KindIndex(pub(crate) u8);

impl KindIndex {
    pub(crate) const KERNEL: Self = Self(0);
}

/// The kinds of aggregates of a service.
pub(crate) struct Kinds {
    kinds: Vec<Kind>,
    by_name: BTreeMap<&'static str, KindIndex>,
}

/// Checks the invariants that concern one event of an aggregate; the error says what is violated.
type CheckAfter = Box<dyn Fn(&mut dyn AnyRecorder, &dyn Any) -> Result<(), String> + Send + Sync>;
/// Checks the invariants of an aggregate; the error says what is violated.
pub(crate) type Check = Box<dyn Fn(&mut dyn AnyRecorder) -> Result<(), String> + Send + Sync>;

/// Creates an aggregate from a snapshot's version and state, or an empty one.
type RestoreFn = fn(&Kind, &Key, Option<(u64, &str)>) -> Result<Box<dyn AnyRecorder>, StoreError>;

/// A kind of aggregate, with the functions that depend on its type.
pub(crate) struct Kind {
    pub(crate) name: &'static str,
    pub(crate) version: u32,
    aggregate: TypeId,
    event: TypeId,
    rules: Arc<dyn Any + Send + Sync>,
    checks: Vec<Check>,
    checks_after: Vec<CheckAfter>,
    decode: fn(&str) -> Result<(&'static str, EventBox), serde_json::Error>,
    restore: RestoreFn,
}

fn decode<E: Event>(json: &str) -> Result<(&'static str, EventBox), serde_json::Error> {
    let event: E = serde_json::from_str(json)?;
    Ok((event.name(), Box::new(event)))
}

impl Kinds {
    pub(crate) fn new() -> Self {
        let kernel = Kind {
            name: KERNEL,
            version: 1,
            aggregate: TypeId::of::<()>(),
            event: TypeId::of::<KernelEvent>(),
            rules: Arc::new(()),
            checks: Vec::new(),
            checks_after: Vec::new(),
            decode: decode::<KernelEvent>,
            restore: |_, _, _| Err(StoreError("the kernel's events have no aggregate".into())),
        };
        let by_name = BTreeMap::from([(KERNEL, KindIndex::KERNEL)]);
        Self { kinds: vec![kernel], by_name }
    }

    pub(crate) fn add<A: Aggregate>(&mut self) {
        let index = KindIndex(u8::try_from(self.kinds.len()).expect("at most 255 kinds"));
        let previous = self.by_name.insert(A::NAME, index);
        assert!(previous.is_none(), "two kinds of aggregates are named {}", A::NAME);
        self.kinds.push(Kind {
            name: A::NAME,
            version: A::VERSION,
            aggregate: TypeId::of::<A>(),
            event: TypeId::of::<A::Event>(),
            rules: Arc::new(Rules::<A> { before_each: Vec::new(), on_fact: Vec::new() }),
            checks: Vec::new(),
            checks_after: Vec::new(),
            decode: decode::<A::Event>,
            restore: restore::<A>,
        });
    }

    pub(crate) fn rules<A: Aggregate>(&mut self) -> &mut Rules<A> {
        let index = self.index_of::<A>();
        let rules = Arc::get_mut(&mut self.kinds[usize::from(index.0)].rules);
        let rules = rules.expect("the table is still being built");
        rules.downcast_mut().expect("a kind has one type")
    }

    pub(crate) fn index_of<A: Aggregate>(&self) -> KindIndex {
        self.find(|kind| kind.aggregate == TypeId::of::<A>(), type_name::<A>())
    }

    pub(crate) fn index_of_event<E: Event>(&self) -> KindIndex {
        self.find(|kind| kind.event == TypeId::of::<E>(), type_name::<E>())
    }

    fn find(&self, matches: impl Fn(&Kind) -> bool, name: &str) -> KindIndex {
        let index = self.kinds.iter().position(matches);
        let index = index.unwrap_or_else(|| panic!("the service has no aggregate for {name}"));
        KindIndex(u8::try_from(index).expect("at most 255 kinds"))
    }

    pub(crate) fn add_invariant<A: Aggregate>(
        &mut self,
        check: impl Fn(&A) -> Result<(), String> + Send + Sync + 'static,
    ) {
        let index = self.index_of::<A>();
        self.kinds[usize::from(index.0)].checks.push(Box::new(move |recorder| {
            let recorder: Option<&mut Recorder<A>> = recorder.as_any().downcast_mut();
            check(recorder.expect("a kind has one type"))
        }));
    }

    pub(crate) fn add_invariant_after<A: Aggregate>(
        &mut self,
        check: impl Fn(&A, &A::Event) -> Result<(), String> + Send + Sync + 'static,
    ) {
        let index = self.index_of::<A>();
        self.kinds[usize::from(index.0)].checks_after.push(Box::new(move |recorder, event| {
            let recorder: Option<&mut Recorder<A>> = recorder.as_any().downcast_mut();
            let event = event.downcast_ref().expect("a kind has one type of event");
            check(recorder.expect("a kind has one type"), event)
        }));
    }

    pub(crate) fn get(&self, index: KindIndex) -> &Kind {
        &self.kinds[usize::from(index.0)]
    }

    /// The kinds of the service, without the kernel's own.
    pub(crate) fn aggregates(&self) -> impl Iterator<Item = (KindIndex, &Kind)> {
        (1..).map(KindIndex).zip(self.kinds.iter().skip(1))
    }

    pub(crate) fn decode(
        &self,
        aggregate: &str,
        envelope: &str,
    ) -> Result<(KindIndex, &'static str, EventBox), String> {
        let index = *self
            .by_name
            .get(aggregate)
            .ok_or_else(|| format!("there is no aggregate {aggregate:?}"))?;
        let (name, event) = (self.get(index).decode)(envelope).map_err(|e| e.to_string())?;
        Ok((index, name, event))
    }
}

impl Kind {
    /// The first invariant that an event has violated.
    pub(crate) fn check_after(
        &self,
        recorder: &mut dyn AnyRecorder,
        event: &dyn Any,
    ) -> Result<(), String> {
        self.checks_after.iter().try_for_each(|check| check(recorder, event))
    }

    /// The first invariant that an aggregate of this kind violates.
    pub(crate) fn check(&self, recorder: &mut dyn AnyRecorder) -> Result<(), String> {
        self.checks.iter().try_for_each(|check| check(recorder))
    }

    /// An aggregate of this kind from a snapshot, or an empty one.
    pub(crate) fn restore(
        &self,
        key: &Key,
        snapshot: Option<(u64, &str)>,
    ) -> Result<Box<dyn AnyRecorder>, StoreError> {
        (self.restore)(self, key, snapshot)
    }
}

fn restore<A: Aggregate>(
    kind: &Kind,
    key: &Key,
    snapshot: Option<(u64, &str)>,
) -> Result<Box<dyn AnyRecorder>, StoreError> {
    let rules = Arc::clone(&kind.rules).downcast::<Rules<A>>().expect("a kind has one type");
    let (version, state) = match snapshot {
        None => (0, A::default()),
        Some((version, json)) => {
            let state = serde_json::from_str(json).map_err(|e| {
                StoreError(format!("the snapshot of {} {key:?} cannot be read: {e}", A::NAME))
            })?;
            (version, state)
        }
    };
    Ok(Box::new(Recorder::restore(key.clone(), state, version, rules)))
}
