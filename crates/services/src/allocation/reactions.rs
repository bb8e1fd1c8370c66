//! What allocation hears of other services: nothing yet; orders come to it as commands.
