"""What the tests share: real servers, real engines, real terminals."""
