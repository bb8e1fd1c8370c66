//! The declaration of the events of an aggregate, with each wire name written once.

/// Declares the events of an aggregate: the enum of its facts, each with its wire name.
///
/// The facts are structs of the same names. The enum is adjacently tagged for serde (`type`,
/// `data`), and each fact implements [`Fact`](earmark_kernel::Fact): `Allocated::NAME` is its wire
/// name. A fact that had another name before says so (`was "…"`): new events have the new name, and
/// old ones in a log are still read. This is the only macro of the project; without it a wire name
/// would stand in four places.
macro_rules! declare_events {
    (
        $(#[$attribute:meta])*
        $visibility:vis enum $events:ident { $($fact:ident = $name:literal $(was $old:literal)?,)+ }
    ) => {
        $(#[$attribute])*
        #[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
        #[serde(tag = "type", content = "data")]
        $visibility enum $events {
            $(
                #[doc = concat!("The fact `", stringify!($fact), "`.")]
                #[serde(rename = $name $(, alias = $old)?)]
                $fact($fact),
            )+
        }

        impl earmark_kernel::Event for $events {
            fn name(&self) -> &'static str {
                match self {
                    $(Self::$fact(_) => $name,)+
                }
            }
        }

        $crate::declare_events::declare_events!(@facts $events: $($fact = $name,)+);
    };
    // The pattern of an only variant always matches, so it needs no `if`.
    (@facts $events:ident: $fact:ident = $name:literal,) => {
        $crate::declare_events::declare_events!(@fact $events: $fact = $name, event => {
            let $events::$fact(fact) = event;
            Some(fact)
        });
    };
    (@facts $events:ident: $($fact:ident = $name:literal,)+) => {
        $(
            $crate::declare_events::declare_events!(@fact $events: $fact = $name, event => {
                if let $events::$fact(fact) = event { Some(fact) } else { None }
            });
        )+
    };
    (@fact $events:ident: $fact:ident = $name:literal, $event:ident => $find:block) => {
        impl earmark_kernel::Fact for $fact {
            type Of = $events;
            const NAME: &'static str = $name;
            fn of($event: &$events) -> Option<&Self> $find
        }
    };
}

pub(crate) use declare_events;
