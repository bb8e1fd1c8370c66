//! A plain model of *Architecture Patterns with Python* (chapters 1 to 11), and a test that the
//! service equals it for the commands of the book.

use earmark_contracts::allocation::{Outcome, Placement};
use earmark_contracts::values::Day;
use proptest::prelude::*;

use super::{World, batch_of, day};
use crate::allocation::StockEvent;

/// An order line, identified by its order.
#[derive(Clone, Debug, PartialEq)]
struct OrderLine {
    order: String,
    quantity: u32,
}

struct Batch {
    reference: String,
    eta: Option<Day>,
    purchased: u32,
    allocations: Vec<OrderLine>,
}

impl Batch {
    fn available(&self) -> i64 {
        let allocated: u32 = self.allocations.iter().map(|line| line.quantity).sum();
        i64::from(self.purchased) - i64::from(allocated)
    }

    fn can_allocate(&self, line: &OrderLine) -> bool {
        self.available() >= i64::from(line.quantity)
    }
}

/// The events of the book: allocated and deallocated (order, quantity, batch), out of stock.
#[derive(Clone, Debug, PartialEq)]
enum BookEvent {
    Allocated(String, u32, String),
    Deallocated(String, u32, String),
    OutOfStock,
}

#[derive(Default)]
struct Product {
    batches: Vec<Batch>,
    /// An addition to the book: lines that lost their batch and did not get another one, in the
    /// order of acceptance.
    short: Vec<OrderLine>,
    /// Lines in the order of acceptance, by which lines lose stock; the book does not define it.
    accepted: Vec<OrderLine>,
    events: Vec<BookEvent>,
}

impl Product {
    fn create_batch(&mut self, reference: String, quantity: u32, eta: Option<Day>) {
        let allocations = Vec::new();
        self.batches.push(Batch { reference, eta, purchased: quantity, allocations });
        self.place_short();
    }

    fn place(&mut self, line: &OrderLine) -> Option<String> {
        let mut sorted: Vec<&mut Batch> = self.batches.iter_mut().collect();
        sorted.sort_by_key(|batch| batch.eta); // None comes first; the sort is stable
        let batch = sorted.into_iter().find(|batch| batch.can_allocate(line))?;
        batch.allocations.push(line.clone());
        let (order, batch) = (line.order.clone(), batch.reference.clone());
        self.events.push(BookEvent::Allocated(order, line.quantity, batch.clone()));
        Some(batch)
    }

    fn allocate(&mut self, line: &OrderLine) -> Option<String> {
        if self.accepted.contains(line) {
            let holds = |batch: &&Batch| batch.allocations.contains(line);
            return self.batches.iter().find(holds).map(|batch| batch.reference.clone());
        }
        let placed = self.place(line);
        match placed {
            Some(_) => self.accepted.push(line.clone()),
            None => self.events.push(BookEvent::OutOfStock),
        }
        placed
    }

    fn change_batch_quantity(&mut self, reference: &str, quantity: u32) {
        let accepted = self.accepted.clone();
        let age = |line: &OrderLine| accepted.iter().position(|it| it == line);
        let batch = self.batches.iter_mut().find(|batch| batch.reference == reference);
        let batch = batch.expect("only existing batches are changed");
        batch.purchased = quantity;
        let mut deallocated = Vec::new();
        while batch.available() < 0 {
            batch.allocations.sort_by_key(age);
            deallocated.extend(batch.allocations.pop());
        }
        deallocated.sort_by_key(age);
        for OrderLine { order, quantity } in &deallocated {
            let (order, batch) = (order.clone(), reference.to_owned());
            self.events.push(BookEvent::Deallocated(order, *quantity, batch));
        }
        for line in deallocated {
            if self.place(&line).is_none() {
                self.events.push(BookEvent::OutOfStock);
                self.short.push(line);
            }
        }
        self.short.sort_by_key(age);
        self.place_short();
    }

    fn place_short(&mut self) {
        for line in std::mem::take(&mut self.short) {
            if self.place(&line).is_none() {
                self.short.push(line);
            }
        }
    }
}

#[derive(Clone, Debug)]
enum BookCommand {
    CreateBatch { quantity: u32, eta: Option<i8> },
    Allocate { order: usize, quantity: u32 },
    ChangeBatchQuantity { batch: usize, quantity: u32 },
}

fn command() -> impl Strategy<Value = BookCommand> {
    use BookCommand::{Allocate, ChangeBatchQuantity, CreateBatch};
    prop_oneof![
        1 => (1..60u32, proptest::option::of(1..20i8))
            .prop_map(|(quantity, eta)| CreateBatch { quantity, eta }),
        4 => (0..40usize, 1..12u32).prop_map(|(order, quantity)| Allocate { order, quantity }),
        2 => (any::<usize>(), 0..60u32)
            .prop_map(|(batch, quantity)| ChangeBatchQuantity { batch, quantity }),
    ]
}

fn allocated_batch(placement: &Placement) -> Option<String> {
    let placed = matches!(placement.outcome, Outcome::Placed { .. });
    placed.then(|| batch_of(placement).expect("the line is allocated").to_owned())
}

/// The events of the service that exist in the book.
fn book_events(world: &World, after: u64) -> Vec<BookEvent> {
    let logged = world.events(after).into_iter();
    let events = logged.filter_map(|logged| match logged.event {
        StockEvent::Allocated(it) => {
            let order = it.line.order_id.0.to_string();
            Some(BookEvent::Allocated(order, it.quantity, it.batch.0.to_string()))
        }
        StockEvent::Deallocated(it) => {
            let order = it.line.order_id.0.to_string();
            Some(BookEvent::Deallocated(order, it.quantity, it.batch.0.to_string()))
        }
        StockEvent::StockExhausted(_) => Some(BookEvent::OutOfStock),
        _ => None,
    });
    events.collect()
}

fn compare(commands: &[BookCommand]) {
    let (world, mut book) = (World::allocation(), Product::default());
    // Each order has one quantity, so that a repeated command is the same command.
    let mut quantities = std::collections::BTreeMap::new();
    for command in commands {
        let head = world.head();
        book.events.clear();
        match *command {
            BookCommand::CreateBatch { quantity, eta } => {
                let reference = format!("b{}", book.batches.len());
                let eta = eta.map(|it| format!("2011-02-{it:02}"));
                world.batch(&reference, "LAMP", quantity.into(), eta.as_deref());
                book.create_batch(reference, quantity, eta.as_deref().map(day));
            }
            BookCommand::Allocate { order, quantity } if !book.batches.is_empty() => {
                let quantity = *quantities.entry(order).or_insert(quantity);
                let order = format!("o{order}");
                let answer = allocated_batch(&world.allocate(&order, "LAMP", quantity.into()));
                assert_eq!(answer, book.allocate(&OrderLine { order, quantity }));
            }
            BookCommand::ChangeBatchQuantity { batch, quantity } if !book.batches.is_empty() => {
                let reference = book.batches[batch % book.batches.len()].reference.clone();
                world.resize(&reference, quantity.into());
                book.change_batch_quantity(&reference, quantity);
            }
            _ => continue,
        }
        assert_eq!(book_events(&world, head), book.events, "after {command:?}");
        for batch in &book.batches {
            let totals = world.totals(&batch.reference);
            assert_eq!(i64::from(totals[3]), batch.available(), "{}", batch.reference);
        }
    }
    for batch in &book.batches {
        for line in &batch.allocations {
            assert_eq!(world.batches_of(&line.order), [&*batch.reference]);
        }
    }
    book.short.iter().for_each(|line| assert_eq!(world.batches_of(&line.order), ["Short"]));
    world.check();
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn the_service_equals_the_book(commands in proptest::collection::vec(command(), 0..60)) {
        compare(&commands);
    }
}
